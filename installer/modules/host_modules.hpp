#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/module_facts.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What the running kernel is known by: its own modules, which it takes.
struct HostModules {
    SymbolVersions symbols;
    std::optional<std::string> vermagic;
    std::vector<SignerKey> signers;
};

/// How many of them are looked at.
enum class Depth {
    few,  ///< two: enough where the kernel is known by its build id
    many  ///< those that share most symbols with a GPU driver, within limits
};

/// Looks at in-tree modules of the host's index (modules.dep), whatever they are compressed with. Bounded: at most 24
/// modules, and 512 KiB of compressed ones. What cannot be read is left out.
/// @throws nothing but std::bad_alloc
[[nodiscard]] HostModules read_host_modules(const Root& root, const std::string& kernel_release, Depth depth);

/// The paths in modules.dep, in-tree modules only, those that tell most about a GPU driver's symbols first.
[[nodiscard]] std::vector<std::string> telling_modules(std::string_view modules_dep);

}  // namespace overdrive
