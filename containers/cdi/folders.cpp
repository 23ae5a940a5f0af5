#include "cdi/folders.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "cdi/names.hpp"
#include "cdi/read_spec.hpp"
#include "cdi/validate.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// A specification of eight GPUs in seven MIG instances each has some 100 KiB.
constexpr std::size_t kMostBytes = 4U << 20U;

CdiFile read_file(const Root& root, std::string path, std::size_t folder) {
    CdiFile file{std::move(path), folder, {}, {}};
    try {
        // Not opened before it is known to be a file: a pipe would never answer.
        const auto status = root.status(file.path);
        if (!status || !S_ISREG(status->st_mode)) {
            file.faults.emplace_back("it is no regular file");
            return file;
        }
        CdiSpec spec = read_cdi_spec(root.read_file(file.path, kMostBytes).value_or(""), file.path);
        file.faults = faults_of(spec);
        if (file.faults.empty()) file.spec = std::move(spec);
    } catch (const Error& error) {
        file.faults.emplace_back(error.what());
    }
    return file;
}

void read_folder(const Root& root, const std::string& folder, std::size_t index, std::vector<CdiFile>& files) {
    try {
        for (const std::string& name : root.list(folder)) {
            if (!name.ends_with(".yaml") && !name.ends_with(".json")) continue;
            const auto status = root.link_status(folder + "/" + name);
            if (status && S_ISDIR(status->st_mode)) continue;
            files.push_back(read_file(root, folder + "/" + name, index));
        }
    } catch (const Error& error) {
        files.push_back({folder, index, {}, {error.what()}});
    }
}

/// Which files of the strongest folder that has it give a device.
using Givers = std::map<std::string, std::vector<std::size_t>>;

void note_devices(const std::vector<CdiFile>& files, std::size_t index, Givers& givers) {
    const CdiFile& file = files[index];
    for (const CdiDevice& device : file.spec->devices) {
        std::vector<std::size_t>& of = givers[file.spec->kind + "=" + device.name];
        if (!of.empty() && files[of.front()].folder != file.folder) of.clear();
        of.push_back(index);
    }
}

std::string why_not(const CdiFolders& found, const std::string& name) {
    for (const CdiConflict& conflict : found.conflicts) {
        if (conflict.device == name) return fmt::format("{} (given by {})", name, fmt::join(conflict.paths, " and "));
    }
    return name;
}

}  // namespace

const CdiDevice& CdiFolders::device(const std::string& name) const {
    const std::vector<CdiDevice>& all = files[devices.at(name)].spec->devices;
    const std::string short_name = name.substr(name.find('=') + 1);
    return *std::find_if(all.begin(), all.end(), [&](const CdiDevice& one) { return one.name == short_name; });
}

CdiFolders read_cdi_folders(const Root& root, const std::vector<std::string>& folders) {
    CdiFolders found;
    for (std::size_t index = 0; index < folders.size(); ++index) read_folder(root, folders[index], index, found.files);
    Givers givers;
    for (std::size_t index = 0; index < found.files.size(); ++index) {
        if (found.files[index].spec) note_devices(found.files, index, givers);
    }
    for (const auto& [device, files] : givers) {
        if (files.size() == 1) {
            found.devices[device] = files.front();
            continue;
        }
        CdiConflict conflict{device, {}};
        for (const std::size_t index : files) conflict.paths.push_back(found.files[index].path);
        found.conflicts.push_back(std::move(conflict));
    }
    return found;
}

CdiEdits resolve_cdi_devices(const CdiFolders& found, const std::vector<std::string>& names) {
    std::vector<std::string> missing;
    for (const std::string& name : names) {
        if (!found.devices.contains(name)) missing.push_back(why_not(found, name));
    }
    if (!missing.empty()) {
        throw Error{Errc::unsupported, fmt::format("unresolvable CDI devices {}", fmt::join(missing, ", "))}
            .with_remedy("'overdrive cdi list' prints what there is, 'overdrive cdi doctor' what is in the way");
    }
    CdiEdits edits;
    std::set<std::size_t> seen;
    for (const std::string& name : names) {
        const std::size_t file = found.devices.at(name);
        if (seen.insert(file).second) edits.append(found.files[file].spec->edits);
        edits.append(found.device(name).edits);
    }
    return edits;
}

}  // namespace overdrive
