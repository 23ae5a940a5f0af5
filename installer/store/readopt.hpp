#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace overdrive {

/// Makes generations again of trees whose commit record is there but damaged: each file of the tree is hashed against
/// its driver.json, and where all is whole the commit record is written anew. A tree that is not whole stays no
/// generation. Call it under the lock.
/// @param now wall clock, for the new commit records
/// @return what was done, in words
std::vector<std::string> readopt_damaged(Store& store, std::chrono::seconds now);

}  // namespace overdrive
