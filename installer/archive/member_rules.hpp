#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

/// The path of a member below `prefix` (`driver/`): empty for the prefix itself.
/// @param name as the archive has it; one trailing slash is allowed
/// @throws Error bad_archive: absolute, `.` or `..` or empty parts, outside `prefix`, over-long, not printable ASCII,
/// or
///         a whiteout (`.wh.`)
[[nodiscard]] std::string member_path(std::string_view name, std::string_view prefix);

/// Whether a link at `path` to `target` stays inside the tree: relative, and `..` only at its beginning and not above
/// the top.
[[nodiscard]] bool link_stays_inside(std::string_view path, std::string_view target) noexcept;

/// A name for messages: control and non-ASCII bytes as \xNN, cut at 200 characters.
[[nodiscard]] std::string printable(std::string_view name);

}  // namespace overdrive
