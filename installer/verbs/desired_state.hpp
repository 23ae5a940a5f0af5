#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What the command line says; it wins over every file.
struct Overrides {
    std::optional<std::string> driver;
    std::vector<std::string> sources;
    std::vector<std::string> keys;  ///< public keys, paths in our own tree (in a container: in the container)
    bool allow_unsigned = false;
    std::optional<std::string> exposure;
};

/// Merges the configuration: command line > /etc/overdrive/config.toml.d/*.toml (sorted) > /etc/overdrive/config.toml.
/// No file at all is no error.
/// @throws Error config naming file, line and key
[[nodiscard]] Config load_config(const Root& root, const Overrides& overrides, Strictness strictness);

}  // namespace overdrive
