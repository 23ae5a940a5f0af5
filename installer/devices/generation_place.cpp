#include "devices/generation_place.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace overdrive {

namespace {

constexpr const char* kEnforce = "/sys/fs/selinux/enforce";
constexpr const char* kLabel = "security.selinux";

bool is_enforcing(const Root& root) {
    try {
        return root.read_file(kEnforce).value_or("0").starts_with('1');
    } catch (const Error&) {
        return false;
    }
}

}  // namespace

bool is_noexec(const Root& root, const std::string& generation) {
    const auto directory = root.open_if_exists(generation, O_PATH | O_DIRECTORY);
    struct statvfs file_system {};
    if (!directory || fstatvfs(directory->get(), &file_system) != 0) return false;
    return (file_system.f_flag & ST_NOEXEC) != 0;
}

bool is_readable_label(std::string_view label) {
    // Types of files that nobody labelled, or that belong to somebody's work.
    constexpr std::array<std::string_view, 6> kUnreadable{"unlabeled_t", "default_t",  "file_t",
                                                          "tmp_t",       "user_tmp_t", "user_home_t"};
    for (int field = 0; field < 2; ++field) {
        const std::size_t colon = label.find(':');
        if (colon == std::string_view::npos) return false;
        label.remove_prefix(colon + 1);
    }
    const std::string_view type = label.substr(0, label.find(':'));
    return !type.empty() && std::find(kUnreadable.begin(), kUnreadable.end(), type) == kUnreadable.end();
}

std::vector<WrongLabel> find_wrong_labels(const Root& root, const std::string& generation,
                                          const std::vector<std::string>& paths) {
    std::vector<WrongLabel> wrong;
    if (!is_enforcing(root)) return wrong;
    for (const std::string& path : paths) {
        const auto file = root.open_if_exists(fmt::format("{}/{}", generation, path), O_RDONLY);
        if (!file) continue;
        std::array<char, 256> label{};
        const ssize_t size = fgetxattr(file->get(), kLabel, label.data(), label.size() - 1);
        if (size < 0 && errno != ENODATA) continue;  // no such attributes here: labelled by the mount
        if (size < 0 || !is_readable_label(label.data()))
            wrong.push_back({path, size < 0 ? std::string{} : std::string{label.data()}});
    }
    return wrong;
}

}  // namespace overdrive
