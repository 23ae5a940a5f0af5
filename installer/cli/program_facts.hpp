#pragma once

#include <optional>
#include <string>

#include "verbs/services.hpp"

namespace overdrive {

/// Where we run: as root or not, from which bundle, in a container with an artifact unpacked beside us or not.
/// @param root the host root that was chosen
[[nodiscard]] ProgramFacts read_program_facts(const std::string& root);

/// The host root: what --root says; else `/rootfs` when that is a mount point with an os-release and we are not in the
/// host's mount namespace; else `/`.
[[nodiscard]] std::string choose_root(const std::optional<std::string>& wished);

}  // namespace overdrive
