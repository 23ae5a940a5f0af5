#pragma once

#include <map>
#include <string>
#include <string_view>

namespace overdrive {

/// The fields of an os-release file. @see os-release(5)
class OsRelease {
public:
    /// Reads shell-like assignments; comments and lines that are none are skipped, as os-release(5) asks of readers.
    /// @throws Error bad_os_release when ID is missing or malformed
    [[nodiscard]] static OsRelease parse(std::string_view text);

    [[nodiscard]] std::string id() const { return field("ID"); }
    [[nodiscard]] std::string version_id() const { return field("VERSION_ID"); }
    /// PRETTY_NAME, else NAME and VERSION_ID, for people.
    [[nodiscard]] std::string pretty_name() const;
    /// Empty when absent.
    [[nodiscard]] std::string field(const std::string& name) const;

private:
    std::map<std::string, std::string> fields_;
};

}  // namespace overdrive
