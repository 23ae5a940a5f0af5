#include "builder-images/artifact/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {
constexpr std::size_t kMostBytes = 16U << 20U;
constexpr std::string_view kSpace = " \t\r\n";
}  // namespace

std::string read_small_file(const std::string& path) {
    const UniqueFd file{::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC)};
    const int saved_errno = errno;
    if (!file) {
        const Errc reason = saved_errno == ENOENT || saved_errno == ENOTDIR ? Errc::usage : Errc::io;
        throw Error::from_errno(reason, saved_errno, fmt::format("open '{}'", path));
    }
    return read_all(file.get(), path, kMostBytes);
}

void write_small_file(const std::string& path, std::string_view content) {
    const std::filesystem::path whole{path};
    const Root directory{whole.has_parent_path() ? whole.parent_path().string() : "."};
    directory.write_file(whole.filename().string(), content);
}

std::string without_space_around(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return std::string{text.substr(first, text.find_last_not_of(kSpace) - first + 1)};
}

}  // namespace overdrive
