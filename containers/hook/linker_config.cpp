#include "hook/linker_config.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <deque>

#include "hook/container_root.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostFiles = 512;
constexpr std::size_t kMostBytes = 1U << 20U;
constexpr std::string_view kBlanks = " \t\r\f\v";

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t begin = line.find_first_not_of(kBlanks);
        if (begin == std::string_view::npos) return words;
        const std::size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        line.remove_prefix(end);
    }
}

std::string without_trailing_slashes(std::string_view path) {
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    return std::string{path};
}

/// What the file system of the container has for `pattern`, an absolute path that may have wildcards in any component.
std::vector<std::string> matches(const ContainerRoot& root, std::string_view pattern) {
    std::vector<std::string> found{""};
    for (std::size_t at = 1; at <= pattern.size() && !found.empty();) {
        const std::size_t end = std::min(pattern.find('/', at), pattern.size());
        const std::string part{pattern.substr(at, end - at)};
        at = end + 1;
        if (part.empty()) continue;
        std::vector<std::string> next;
        for (const std::string& folder : found) {
            if (part.find_first_of("*?[") == std::string::npos) {
                next.push_back(folder + "/" + part);
                continue;
            }
            for (const std::string& name : root.list(folder)) {
                if (next.size() >= kMostFiles) break;
                if (fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) next.push_back(folder + "/" + name);
            }
        }
        found = std::move(next);
    }
    return found;
}

}  // namespace

LinkerConfigLines parse_linker_config(std::string_view text) {
    LinkerConfigLines out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line = line.substr(0, line.find('#'));
        const std::vector<std::string_view> words = words_of(line);
        if (words.empty() || words.front() == "hwcap") continue;
        if (words.front() == "include") {
            out.includes.insert(out.includes.end(), words.begin() + 1, words.end());
            continue;
        }
        // A directory may hold blanks: it is the line.
        std::string_view directory{words.front().data(),
                                   static_cast<std::size_t>(words.back().end() - words.front().begin())};
        directory = directory.substr(0, directory.find('='));
        directory = directory.substr(0, directory.find_last_not_of(kBlanks) + 1);
        if (!directory.empty()) out.directories.push_back(without_trailing_slashes(directory));
    }
    return out;
}

std::set<std::string> configured_directories(const ContainerRoot& root, std::string_view file) {
    std::set<std::string> directories;
    std::set<std::string> seen;
    std::deque<std::string> waiting{std::string{file}};
    while (!waiting.empty() && seen.size() < kMostFiles) {
        const std::string path = std::move(waiting.front());
        waiting.pop_front();
        if (!seen.insert(path).second) continue;
        const LinkerConfigLines lines = parse_linker_config(root.read_file(path, kMostBytes).value_or(""));
        directories.insert(lines.directories.begin(), lines.directories.end());
        for (const std::string& pattern : lines.includes) {
            const std::string absolute =
                pattern.starts_with('/') ? pattern : path.substr(0, path.rfind('/') + 1) + pattern;
            for (std::string& match : matches(root, absolute)) waiting.push_back(std::move(match));
        }
    }
    return directories;
}

bool is_debian_like(const ContainerRoot& root) {
    const auto found = root.find("/etc/debian_version");
    struct stat status {};
    return found && fstat(found->get(), &status) == 0 && !S_ISDIR(status.st_mode);
}

std::vector<std::string> system_directories(bool debian_like) {
#if defined(__x86_64__)
    if (debian_like) return {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"};
    return {"/lib64", "/usr/lib64", "/lib", "/usr/lib"};
#elif defined(__aarch64__)
    if (debian_like) return {"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib", "/usr/lib"};
    return {"/lib64", "/usr/lib64", "/lib", "/usr/lib"};
#else
#error "the system's library directories of this architecture are not known"
#endif
}

std::vector<std::string> folders_to_add(const ContainerRoot& root, const std::vector<std::string>& folders,
                                        bool debian_like) {
    std::set<std::string> known = configured_directories(root);
    for (const std::string& directory : system_directories(debian_like)) known.insert(directory);
    std::vector<std::string> wanted;
    for (const std::string& folder : folders) {
        if (known.insert(folder).second) wanted.push_back(folder);
    }
    return wanted;
}

void write_linker_drop_in(const ContainerRoot& root, std::string_view prefix,
                          const std::vector<std::string>& directories) {
    if (directories.empty()) return;
    std::string text;
    for (const std::string& directory : directories) text += directory + "\n";
    const std::string path = fmt::format("{}/{}-{}.conf", kLinkerConfigFolder, prefix, random_name());
    if (!root.create_file(path, text, 0644))
        throw Error{Errc::io, fmt::format("'{}' is there already in the container: its name was guessed", path)};
}

std::vector<std::string> configure_linker(const ContainerRoot& root, const std::vector<std::string>& folders) {
    const bool debian_like = is_debian_like(root);
    // false: the image has one, which is the image's affair.
    static_cast<void>(root.create_file(kLinkerConfig, fmt::format("include {}/*.conf\n", kLinkerConfigFolder), 0644));
    const std::vector<std::string> wanted = folders_to_add(root, folders, debian_like);
    write_linker_drop_in(root, "00-nvcr", wanted);
    const std::set<std::string> named = configured_directories(root);
    const std::vector<std::string> system = system_directories(debian_like);
    const auto is_named = [&](const std::string& directory) { return named.contains(directory); };
    if (!std::all_of(system.begin(), system.end(), is_named)) write_linker_drop_in(root, "zz-nvcr", system);

    std::vector<std::string> unreached;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(unreached),
                 [&](const std::string& folder) { return !is_named(folder); });
    return unreached;
}

}  // namespace overdrive
