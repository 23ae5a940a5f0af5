#include "hook/cuda_compat.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "hook/container_root.hpp"
#include "hook/elf_file.hpp"
#include "hook/linker_config.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

using Version = std::vector<unsigned>;

/// Numbers between dots; nullopt when it is empty or has anything else. Leading zeros count for nothing: 575.57.08.
std::optional<Version> version_of(std::string_view text) {
    Version version;
    while (true) {
        unsigned number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{}) return std::nullopt;
        version.push_back(number);
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        if (text.empty()) return version;
        if (text.front() != '.') return std::nullopt;
        text.remove_prefix(1);
    }
}

std::optional<CudaCompatNote> note_of(int library) {
    const auto text = elf_note(library, ".note.cuda.fwd_compatibility", "NVIDIA Corporation");
    if (!text) return std::nullopt;
    return parse_cuda_compat_note(*text);
}

bool is_there_already(const ContainerRoot& root, const std::string& folder) {
    const std::vector<std::string> names = root.list(kLinkerConfigFolder);
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return fnmatch("00-compat-*.conf", name.c_str(), 0) == 0 &&
               root.read_file(fmt::format("{}/{}", kLinkerConfigFolder, name), 1U << 16U) == folder + "\n";
    });
}

}  // namespace

CudaCompatNote parse_cuda_compat_note(std::string_view text) {
    const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
    if (!document.is_object()) throw Error{Errc::config, "its note of compatibility is no JSON object"};
    CudaCompatNote note;
    if (const auto version = document.find("CUDA Version"); version != document.end() && version->is_string())
        note.cuda_version = version->get<std::string>();
    if (const auto branches = document.find("Driver"); branches != document.end() && branches->is_array()) {
        for (const auto& branch : *branches) {
            if (branch.is_number_integer()) note.driver_branches.push_back(branch.get<int>());
        }
    }
    return note;
}

bool use_cuda_compat(const std::optional<CudaCompatNote>& note, std::string_view compat_version, const CudaHost& host) {
    const std::optional<Version> compat = version_of(compat_version);
    const std::optional<Version> driver = version_of(host.driver_version);
    if (!note) return compat && driver && compat->front() > driver->front();
    if (compat && driver) {
        const auto& branches = note->driver_branches;
        const bool allowed =
            std::find(branches.begin(), branches.end(), static_cast<int>(driver->front())) != branches.end();
        return allowed && *compat > *driver;
    }
    const std::optional<Version> image_cuda = version_of(note->cuda_version);
    const std::optional<Version> host_cuda = version_of(host.cuda_version);
    return image_cuda && host_cuda && *image_cuda > *host_cuda;
}

std::optional<std::string> cuda_compat_folder(const ContainerRoot& root, std::string_view folder, const CudaHost& host,
                                              const std::function<void(const std::string&)>& warn) {
    constexpr std::string_view kPrefix = "libcuda.so.";
    const std::optional<UniqueFd> directory = root.find(folder, O_DIRECTORY);
    if (!directory) return std::nullopt;
    // From here on the directory's real place: a link on the way to it may change.
    const std::string place = checked_path(root.place_of(*directory), "the place of the compatibility libraries");
    std::vector<std::string> libraries = root.list(place);
    std::erase_if(libraries, [](const std::string& name) { return fnmatch("libcuda.so.*.*", name.c_str(), 0) != 0; });
    if (libraries.empty()) return std::nullopt;
    if (libraries.size() > 1) {
        warn(
            fmt::format("'{}' in the container has {} files libcuda.so.*.*, one is expected; the host's driver is used",
                        place, libraries.size()));
        return std::nullopt;
    }
    const std::optional<UniqueFd> library = root.open_regular(place + "/" + libraries.front());
    if (!library) return std::nullopt;
    try {
        const std::string version = libraries.front().substr(kPrefix.size());
        if (use_cuda_compat(note_of(library->get()), version, host)) return place;
    } catch (const Error& error) {
        warn(fmt::format("'{}/{}' in the container: {}; the host's driver is used", place, libraries.front(),
                         error.what()));
    }
    return std::nullopt;
}

void enable_cuda_compat(const ContainerRoot& root, std::string_view folder, const CudaHost& host,
                        const std::function<void(const std::string&)>& warn) {
    const std::optional<std::string> first = cuda_compat_folder(root, folder, host, warn);
    if (first && !is_there_already(root, *first)) write_linker_drop_in(root, "00-compat", {*first});
}

}  // namespace overdrive
