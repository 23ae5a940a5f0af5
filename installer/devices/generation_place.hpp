#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/preflight_facts.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Whether the file system of a generation is mounted noexec; false where that cannot be told.
[[nodiscard]] bool is_noexec(const Root& root, const std::string& generation);

/// Files of a generation that SELinux, where it enforces, keeps confined processes from: without a label, or with one
/// that no policy lets them read. One file of each kind is looked at.
[[nodiscard]] std::vector<WrongLabel> find_wrong_labels(const Root& root, const std::string& generation,
                                                        const std::vector<std::string>& paths);

/// `system_u:object_r:usr_t:s0` -> whether confined processes may read and map files of such a type.
[[nodiscard]] bool is_readable_label(std::string_view label);

}  // namespace overdrive
