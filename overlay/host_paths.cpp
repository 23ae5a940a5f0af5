#include "overlay/host_paths.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "overlay/mount_table.hpp"

namespace overdrive {

std::optional<std::string> real_path(const Root& root, std::string_view path) {
    const auto fd = root.open_if_exists(path, O_PATH);
    if (!fd) return std::nullopt;
    std::array<char, PATH_MAX> buffer{};
    const ssize_t size =
        ::readlink(fmt::format("/proc/thread-self/fd/{}", fd->get()).c_str(), buffer.data(), buffer.size());
    if (size < 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("find the place of '{}' (is /proc mounted?)", path));
    }
    return std::string{buffer.data(), static_cast<std::size_t>(size)};
}

std::optional<std::string> path_in_root(const Root& root, std::string_view real) {
    const std::string top = real_path(root, "/").value_or("/");
    if (!is_at_or_below(real, top)) return std::nullopt;
    if (top == "/") return std::string{real};
    real.remove_prefix(top.size());
    return real.empty() ? "/" : std::string{real};
}

}  // namespace overdrive
