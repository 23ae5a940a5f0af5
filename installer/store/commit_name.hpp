#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/pair.hpp"

namespace overdrive {

/// The name of a generation's commit record in `.overdrive/generations`: `550.163.01-open@4081.2.1.json`.
[[nodiscard]] std::string commit_name(const Pair& pair);

/// The pair that a commit record is of, by its name alone; nullopt when it names none.
[[nodiscard]] std::optional<Pair> pair_of_commit(std::string_view name);

}  // namespace overdrive
