#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "verbs/services.hpp"

namespace overdrive {

/// One way on from what has been typed.
struct Completion {
    std::string word;
    std::string description;  ///< a few words; may be empty
    friend bool operator==(const Completion&, const Completion&) = default;
};

/// Stand in the place of a candidate: any file, any directory.
inline constexpr std::string_view kAnyFile = ":files";
inline constexpr std::string_view kAnyDirectory = ":directories";

/// What is installed, for values that only the host knows.
struct InstalledNames {
    std::vector<std::string> drivers;      ///< for arguments of type DRIVER
    std::vector<std::string> generations;  ///< for arguments of type GENERATION
};

/// What may stand in the place of the last word: verbs, options, and values by the type or the choice of an option.
/// Computed from the command line itself, so that it cannot disagree with it.
/// @param words what was typed after the program's name; the last one is being typed and may be empty. A `=` that the
///        shell made a word of its own is taken as part of `--option=value`.
[[nodiscard]] std::vector<Completion> complete(const CLI::App& app, std::vector<std::string> words,
                                               const InstalledNames& installed);

/// The script that makes a shell ask `overdrive completion answer`. @param shell bash, zsh or fish
[[nodiscard]] std::string_view completion_script(std::string_view shell);

/// The verbs and their options as a section of overdrive(8), in the language of man(7).
[[nodiscard]] std::string manual_of_verbs(const CLI::App& app);

}  // namespace overdrive
