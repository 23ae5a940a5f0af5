#pragma once

#include <string>

#include "model/pair.hpp"
#include "support/root.hpp"

namespace overdrive {

class Store;

/// Sees that what is below `directory` is ours alone to write: it and our own directories in it are real directories
/// that belong to root (or to us, when we are not root) and that nobody else may write to. What is not there yet is
/// fine. A link in their place is not followed; only a part of the path before may be one (`/opt -> /var/opt`).
/// @param directory host path of the install root
/// @throws Error unsupported naming the path, with the command that mends it
void require_sound_install_root(const Root& root, const std::string& directory);

/// Sees that a generation can be published and its programs can run: staging and the generation's place are on one
/// mount (a rename must get it there), which is not mounted noexec.
/// @pre store.prepare()
/// @throws Error unsupported naming the path
void require_place_for(const Store& store, const Pair& pair);

}  // namespace overdrive
