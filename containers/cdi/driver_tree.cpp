#include "cdi/driver_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>

#include <filesystem>

#include "support/error.hpp"

namespace overdrive {

namespace {

std::string descriptor_link(const UniqueFd& fd) { return fmt::format("/proc/self/fd/{}", fd.get()); }

/// The path of what is open, as this process sees it.
std::string path_of(const UniqueFd& fd) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(descriptor_link(fd), error);
    if (error) throw Error{Errc::unsupported, fmt::format("read '{}': {}", descriptor_link(fd), error.message())};
    return target.string();
}

/// `path` without `root` in front: `/` for the root itself.
std::string below(const std::string& path, const std::string& root) {
    if (root == "/") return path;
    const std::string rest = path.starts_with(root) ? path.substr(root.size()) : path;
    return rest.empty() ? "/" : rest;
}

UniqueFd open_directory(const Root& host, const std::string& place) {
    auto fd = host.open_if_exists(place, O_PATH | O_DIRECTORY);
    if (!fd) throw Error{Errc::bad_root, fmt::format("'{}' is no directory", place)};
    return std::move(*fd);
}

bool has_wildcard(std::string_view part) { return part.find_first_of("*?[") != std::string_view::npos; }

void collect(const Root& files, const std::string& base, std::string_view rest, std::vector<std::string>& found) {
    while (rest.starts_with('/')) rest.remove_prefix(1);
    const std::size_t slash = rest.find('/');
    const std::string part{rest.substr(0, slash)};
    const bool last = slash == std::string_view::npos;
    const auto take = [&](const std::string& name) {
        const std::string path = base + "/" + name;
        if (!last) {
            collect(files, path, rest.substr(slash), found);
        } else if (files.link_status(path)) {
            found.push_back(path);
        }
    };
    if (!has_wildcard(part)) {
        take(part);
        return;
    }
    const auto status = files.status(base.empty() ? "/" : base);
    if (!status || !S_ISDIR(status->st_mode)) return;
    for (const std::string& name : files.list(base.empty() ? "/" : base)) {
        if (fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) take(name);
    }
}

}  // namespace

DriverTree::DriverTree(const Root& host, const std::string& place)
    : directory_{open_directory(host, place)},
      files_{descriptor_link(directory_)},
      own_place_{path_of(directory_)},
      place_{below(own_place_, path_of(host.open("/", O_PATH | O_DIRECTORY)))} {}

std::vector<std::string> DriverTree::matches(std::string_view pattern) const {
    std::vector<std::string> found;
    collect(files_, "", pattern, found);
    return found;
}

std::optional<std::string> DriverTree::real_path(std::string_view inside) const {
    const auto fd = files_.open_if_exists(inside, O_PATH);
    if (!fd) return std::nullopt;
    return below(path_of(*fd), own_place_);
}

std::string DriverTree::on_host(std::string_view inside) const {
    return place_ == "/" ? std::string{inside} : place_ + std::string{inside};
}

std::optional<std::string> DriverTree::host_path(std::string_view inside) const {
    const auto real = real_path(inside);
    if (!real) return std::nullopt;
    return on_host(*real);
}

std::string DriverTree::own_path(std::string_view inside) const {
    return own_place_ == "/" ? std::string{inside} : own_place_ + std::string{inside};
}

}  // namespace overdrive
