#include "overlay/linker_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "overlay/exposure_state.hpp"
#include "overlay/host_paths.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kHeader = "# Written by overdrive: where the NVIDIA driver's libraries are. Do not edit.\n";
constexpr std::array kLoaders{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};
constexpr std::array kLdconfigs{"/sbin/ldconfig", "/usr/sbin/ldconfig", "/usr/bin/ldconfig"};
constexpr std::size_t kMostCacheBytes = 64U << 20U;

std::string configuration_for(std::string_view directory) { return fmt::format("{}{}\n", kHeader, directory); }

std::string last_lines(std::string_view output) {
    while (output.ends_with('\n')) output.remove_suffix(1);
    constexpr std::size_t kMost = 400;
    return output.size() <= kMost ? std::string{output} : "..." + std::string{output.substr(output.size() - kMost)};
}

}  // namespace

std::vector<std::string> default_directories(std::string_view diagnostics) {
    std::vector<std::string> directories;
    constexpr std::string_view kKey = "path.system_dirs[";
    while (!diagnostics.empty()) {
        const std::size_t end = diagnostics.find('\n');
        const std::string_view line = diagnostics.substr(0, end);
        diagnostics = end == std::string_view::npos ? std::string_view{} : diagnostics.substr(end + 1);
        const std::size_t open = line.find("=\"");
        if (!line.starts_with(kKey) || open == std::string_view::npos || !line.ends_with('"')) continue;
        std::string directory{line.substr(open + 2, line.size() - open - 3)};
        while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
        if (!directory.empty()) directories.push_back(std::move(directory));
    }
    return directories;
}

bool LinkerCache::is_default_directory(std::string_view directory) {
    const auto wanted = real_path(root_, directory);
    if (!wanted) return false;
    for (const char* loader : kLoaders) {
        const auto program = real_path(root_, loader);
        if (!program) continue;
        const ProcessResult result = processes_.run({{*program, "--list-diagnostics"}, {}, std::chrono::seconds{20}});
        if (result.exit_code != 0) return false;  // before glibc 2.33; telling the linker is right in any case
        const auto directories = default_directories(result.output);
        return std::any_of(directories.begin(), directories.end(),
                           [&](const std::string& name) { return real_path(root_, name) == wanted; });
    }
    return false;
}

std::string LinkerCache::loader_identity() const {
    for (const char* loader : kLoaders) {
        std::string identity = identity_of(loader);
        if (!identity.empty()) return identity;
    }
    return "";
}

std::string LinkerCache::identity_of(const std::string& path) const {
    const auto status = root_.status(path);
    if (!status) return "";
    return fmt::format("{}:{}:{}.{}", status->st_ino, status->st_size, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
}

bool LinkerCache::is_ours_present() const {
    const auto text = root_.read_file(kConfiguration);
    return text && text->starts_with(kHeader);
}

bool LinkerCache::lists(std::string_view directory, std::string_view generation) {
    if (root_.read_file(kConfiguration) != configuration_for(directory)) return false;
    const LastingExposure lasting = LastingExposure::load(root_);
    return lasting.generation == generation && lasting.library_directory == directory &&
           !lasting.cache_identity.empty() && lasting.cache_identity == cache_identity();
}

std::string LinkerCache::find_ldconfig() const {
    for (const char* name : kLdconfigs) {
        if (const auto program = real_path(root_, name)) return *program;
    }
    return "";
}

void LinkerCache::run_ldconfig(const std::string& program) {
    // -X: the cache only; it would also make links in the directories it looks at, and a generation never changes.
    std::vector<std::string> arguments{program, "-X"};
    if (root_.path() != "/") arguments.insert(arguments.end(), {"-r", real_path(root_, "/").value_or(root_.path())});
    const ProcessResult result =
        processes_.run({std::move(arguments), {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}, std::chrono::minutes{2}});
    if (result.timed_out) throw Error{Errc::exposure, fmt::format("'{}' did not end within 2 minutes", program)};
    if (result.exit_code != 0) {
        throw Error{Errc::exposure, fmt::format("'{}' failed with exit code {}: {}", program, result.exit_code,
                                                last_lines(result.output))};
    }
}

void LinkerCache::list(std::string_view directory, std::string_view generation,
                       const std::vector<std::string>& libraries) {
    if (lists(directory, generation)) return;
    const auto before = root_.read_file(kConfiguration);
    if (before && !is_ours_present()) {
        throw Error{Errc::exposure, fmt::format("'{}' exists and was not written by overdrive", kConfiguration)}
            .with_remedy("move it away; overdrive writes a file of that name");
    }
    const std::string program = find_ldconfig();
    if (program.empty()) {
        throw Error{
            Errc::exposure,
            fmt::format("the host's loader does not search '{}' and there is no ldconfig to tell it", directory)};
    }
    root_.make_directories("/etc/ld.so.conf.d");
    root_.write_file(kConfiguration, configuration_for(directory));
    try {
        run_ldconfig(program);
        const std::string cache = root_.read_file(kCache, kMostCacheBytes).value_or("");
        const bool found = std::any_of(libraries.begin(), libraries.end(), [&](const std::string& name) {
            return cache.find(fmt::format("{}/{}", directory, name)) != std::string::npos;
        });
        if (!found && !libraries.empty()) {
            throw Error{Errc::exposure,
                        fmt::format("'{}' ran, but '{}' lists nothing in '{}'", program, kCache, directory)}
                .with_remedy("'/etc/ld.so.conf' must have the line 'include /etc/ld.so.conf.d/*.conf'");
        }
    } catch (const Error&) {
        if (before)
            root_.write_file(kConfiguration, *before);
        else
            static_cast<void>(root_.remove(kConfiguration));
        throw;
    }
    LastingExposure lasting = LastingExposure::load(root_);
    lasting.generation = generation;
    lasting.library_directory = directory;
    lasting.cache_identity = cache_identity();
    lasting.save(root_);
}

bool LinkerCache::remove() {
    if (!is_ours_present()) return false;
    static_cast<void>(root_.remove(kConfiguration));
    LastingExposure lasting = LastingExposure::load(root_);
    lasting.generation.clear();
    lasting.library_directory.clear();
    lasting.cache_identity.clear();
    lasting.save(root_);
    const std::string program = find_ldconfig();
    if (!program.empty()) run_ldconfig(program);
    return true;
}

}  // namespace overdrive
