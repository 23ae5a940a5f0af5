#include "hook/musl_path.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hook/container_root.hpp"

namespace overdrive {

namespace {

#if defined(__x86_64__)
constexpr std::string_view kArchitecture = "x86_64";
#elif defined(__aarch64__)
constexpr std::string_view kArchitecture = "aarch64";
#else
#error "musl's name of this architecture is not known"
#endif

constexpr std::size_t kMostBytes = 1U << 20U;

}  // namespace

std::string musl_path_text(const std::string* present, const std::vector<std::string>& folders) {
    constexpr std::string_view kBuiltIn = "/lib\n/usr/local/lib\n/usr/lib";
    const std::string_view old = present != nullptr ? std::string_view{*present} : kBuiltIn;
    std::vector<std::string> directories = folders;
    for (std::size_t at = 0; at < old.size();) {
        const std::size_t end = std::min(old.find_first_of(":\n", at), old.size());
        if (end > at) directories.emplace_back(old.substr(at, end - at));
        at = end + 1;
    }
    std::string text;
    for (auto directory = directories.begin(); directory != directories.end(); ++directory) {
        if (std::find(directories.begin(), directory, *directory) == directory) text += *directory + "\n";
    }
    return text;
}

bool is_musl(const ContainerRoot& root) {
    return root.find(fmt::format("/lib/ld-musl-{}.so.1", kArchitecture)) || root.find("/etc/alpine-release");
}

void update_musl_path(const ContainerRoot& root, const std::vector<std::string>& folders) {
    if (folders.empty() || !is_musl(root)) return;
    const std::string path = fmt::format("/etc/ld-musl-{}.path", kArchitecture);
    const std::optional<std::string> present = root.read_file(path, kMostBytes);
    const std::string text = musl_path_text(present ? &*present : nullptr, folders);
    if (!present || *present != text) root.replace_file(path, text, 0644);
}

}  // namespace overdrive
