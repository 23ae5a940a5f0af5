#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace overdrive {

/// One call of the program, as a CDI spec names it.
struct HookCall {
    enum class Kind { hook, help, version, nothing, unknown };

    Kind kind = Kind::nothing;
    std::string name;                                          ///< of the sub-command
    std::vector<std::pair<std::string, std::string>> options;  ///< in the order given, lists split
    bool quiet = false;                                        ///< no warnings

    /// All values of an option that may be repeated.
    [[nodiscard]] std::vector<std::string> all(std::string_view option) const;
    /// The last value of an option; `otherwise` when it was not given.
    [[nodiscard]] std::string one(std::string_view option, std::string_view otherwise = "") const;
};

/// Reads `X ARGUMENTS` (nvidia-cdi-hook's form) and `hook X ARGUMENTS` (nvidia-ctk's). `--name VALUE`, `--name=VALUE`
/// and one dash are the same; a value that may be repeated is split at commas, as the reference tool does. A name that
/// no sub-command has is Kind::unknown, no error: a spec of a newer tool must not keep a container from starting.
/// @param arguments  argv without the program's name
/// @throws Error usage
[[nodiscard]] HookCall parse_command_line(const std::vector<std::string>& arguments);

[[nodiscard]] std::string_view help_text() noexcept;

}  // namespace overdrive
