#pragma once

#include <string>
#include <string_view>

namespace overdrive {

/// A file that people name on the command line: keys, signatures, describe.json; at most 16 MiB.
/// @throws Error usage when it does not exist or is too large; io
[[nodiscard]] std::string read_small_file(const std::string& path);
/// Replaces a file in one step. @throws Error io
void write_small_file(const std::string& path, std::string_view content);
[[nodiscard]] std::string without_space_around(std::string_view text);

}  // namespace overdrive
