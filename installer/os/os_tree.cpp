#include "os/os_tree.hpp"

#include <algorithm>

#include "model/kernel_order.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostBytes = 64U << 10U;

}  // namespace

std::optional<OsRelease> os_release_in(const Root& root, const std::string& directory) {
    for (const char* name : {"/etc/os-release", "/usr/lib/os-release"}) {
        try {
            if (const auto text = root.read_file(directory + name, kMostBytes)) return OsRelease::parse(*text);
        } catch (const Error&) {  // a tree that is not readable, or not written whole yet, tells nothing
            continue;
        }
    }
    return std::nullopt;
}

std::vector<std::string> kernels_in(const Root& root, const std::string& directory) {
    const std::string modules = directory + "/usr/lib/modules";
    std::vector<std::string> releases;
    for (const std::string& release : root.list(modules)) {
        if (root.exists(modules + "/" + release + "/vmlinuz")) releases.push_back(release);
    }
    return releases;
}

std::optional<std::string> newest_kernel(const std::vector<std::string>& releases) {
    const auto newest = std::max_element(releases.begin(), releases.end(), [](const auto& a, const auto& b) {
        return std::is_lt(compare_kernel_releases(a, b));
    });
    return newest == releases.end() ? std::nullopt : std::optional{*newest};
}

std::optional<std::string> release_of_image(std::string_view path) {
    constexpr std::string_view kPrefix = "vmlinuz-";
    path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
    if (!path.starts_with(kPrefix) || path.size() == kPrefix.size()) return std::nullopt;
    return std::string{path.substr(kPrefix.size())};
}

}  // namespace overdrive
