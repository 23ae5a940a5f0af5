#include "overlay/program_links.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "overlay/exposure_state.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kOurs = "/opt/nvidia/";
/// Where profiles link programs.
constexpr std::array kDirectories{"/opt/bin", "/usr/local/bin"};

std::string path_of(const std::string& directory, const std::string& name) { return directory + "/" + name; }

std::string target_of(const std::string& name) { return fmt::format("{}current/bin/{}", kOurs, name); }

/// The target when the entry is a link.
std::optional<std::string> link_at(const Root& root, const std::string& path) {
    const auto status = root.link_status(path);
    if (!status || !S_ISLNK(status->st_mode)) return std::nullopt;
    return root.read_link(path);
}

bool is_our_link(const Root& root, const std::string& path) {
    const auto target = link_at(root, path);
    return target && target->starts_with(kOurs);
}

}  // namespace

std::vector<std::string> ProgramLinks::ours_in(const std::string& directory) const {
    std::vector<std::string> names = root_.list(directory);
    const auto foreign = [&](const std::string& name) { return !is_our_link(root_, path_of(directory, name)); };
    names.erase(std::remove_if(names.begin(), names.end(), foreign), names.end());
    return names;
}

bool ProgramLinks::match(const std::string& directory, const std::vector<std::string>& programs) const {
    std::vector<std::string> wanted = programs;
    std::sort(wanted.begin(), wanted.end());
    if (ours_in(directory) != wanted) return false;
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
        return link_at(root_, path_of(directory, name)) == target_of(name);
    });
}

void ProgramLinks::check(const std::string& directory, const std::vector<std::string>& programs) const {
    std::vector<std::string> foreign;
    for (const std::string& name : programs) {
        const std::string path = path_of(directory, name);
        if (root_.link_status(path) && !is_our_link(root_, path)) foreign.push_back(path);
    }
    if (foreign.empty()) return;
    throw Error{Errc::exposure,
                fmt::format("{} was not put there by overdrive and is not overwritten", fmt::join(foreign, ", "))}
        .with_remedy(
            fmt::format("move it away, or remove what installed it: the driver's own programs are linked there"));
}

void ProgramLinks::ensure(const std::string& directory, const std::vector<std::string>& programs) {
    check(directory, programs);
    if (!programs.empty() && !root_.exists(directory)) {
        LastingExposure lasting = LastingExposure::load(root_);
        lasting.made_directories.push_back(directory);
        lasting.save(root_);
        root_.make_directories(directory);
    }
    for (const std::string& name : programs) {
        const std::string path = path_of(directory, name);
        if (link_at(root_, path) != target_of(name)) root_.replace_link(path, target_of(name));
    }
    for (const std::string& name : ours_in(directory)) {
        if (std::find(programs.begin(), programs.end(), name) == programs.end()) {
            static_cast<void>(root_.remove(path_of(directory, name)));
        }
    }
}

bool ProgramLinks::remove() {
    LastingExposure lasting = LastingExposure::load(root_);
    std::vector<std::string> directories{kDirectories.begin(), kDirectories.end()};
    directories.insert(directories.end(), lasting.made_directories.begin(), lasting.made_directories.end());
    bool removed = false;
    for (const std::string& directory : directories) {
        for (const std::string& name : ours_in(directory)) {
            removed |= root_.remove(path_of(directory, name));
        }
    }
    for (const std::string& directory : lasting.made_directories) {
        if (root_.exists(directory) && root_.list(directory).empty()) static_cast<void>(root_.remove(directory));
    }
    if (!lasting.made_directories.empty()) {
        lasting.made_directories.clear();
        lasting.save(root_);
    }
    return removed;
}

}  // namespace overdrive
