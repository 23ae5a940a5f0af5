#include "verbs/cdi_seal.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "cdi/driver_tree.hpp"
#include "cdi/folders.hpp"
#include "cdi/proc_gpus.hpp"
#include "model/json_reader.hpp"
#include "support/sha256.hpp"
#include "verbs/cdi_generate.hpp"
#include "verbs/cdi_rivals.hpp"
#include "verbs/kept_cdi.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

constexpr const char* kSealFile = "/run/overdrive/cdi.json";
constexpr int kSchema = 1;
constexpr std::size_t kMostSealBytes = 1U << 20U;
constexpr std::size_t kMostSpecBytes = 4U << 20U;

/// Lines that say what something is, so that whatever becomes of it is seen.
class Inputs {
public:
    explicit Inputs(const Root& root) : root_{root} {}

    template <typename... Values>
    void add(const Values&... values) {
        (fmt::format_to(std::back_inserter(text_), "{} ", values), ...);
        text_ += '\n';
    }

    /// A directory's time says whether names came or went; a node's number and owner are in the specification.
    void look_at(const std::string& path) {
        const auto status = root_.link_status(path);
        if (!status) return;
        add(path, status->st_dev, status->st_ino, status->st_mode, status->st_uid, status->st_gid, status->st_rdev,
            status->st_size, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
    }

    void look_into(const std::string& directory, std::string_view prefix, std::string_view but = {}) {
        for (const std::string& name : root_.list(directory)) {
            if (name.starts_with(prefix) && name != but) look_at(fmt::format("{}/{}", directory, name));
        }
    }

    [[nodiscard]] std::string digest() const { return sha256_hex(text_); }

private:
    const Root& root_;
    std::string text_;
};

/// A published generation is never written to; what comes into or goes from its directories is somebody's doing.
void add_generation(Inputs& inputs, const std::string& place, const GenerationInfo& generation,
                    const DriverManifest& manifest) {
    inputs.add(place, generation.driver_json_digest.hex());
    std::set<std::string> directories{""};
    for (const FileSpec& file : manifest.files) {
        for (std::size_t end = file.path.find('/'); end != std::string::npos; end = file.path.find('/', end + 1))
            directories.insert("/" + file.path.substr(0, end));
    }
    for (const std::string& directory : directories) inputs.look_at(place + directory);
}

/// @return false where /proc does not tell all
bool add_gpus(Inputs& inputs, const Root& root, const HostFacts& facts) {
    const GpuInventory found = read_proc_gpus(DriverTree{root, "/proc"});
    inputs.add(found.driver_version.value_or(""), facts.kernel_release, facts.firmware_path);
    for (const GpuDevice& gpu : found.gpus) {
        if (gpu.mig) return false;
        inputs.add(gpu.minor_number, gpu.uuid, gpu.address, gpu.model);
        inputs.look_into(fmt::format("/sys/bus/pci/devices/{}/drm", gpu.address), "");
    }
    inputs.look_into("/dev", "nvidia");
    for (const char* directory : {"/dev/nvidia-caps", "/dev/dri", "/dev/dri/by-path"}) inputs.look_into(directory, "");
    return true;
}

void add_others(Inputs& inputs, const Root& root, const Config& config) {
    const std::string own = kept_cdi_path(config);
    std::set<std::string> folders{std::begin(kCdiFolders), std::end(kCdiFolders)};
    folders.insert(config.containers.spec_directory);
    for (const std::string& folder : folders) inputs.look_into(folder, "", own.substr(own.rfind('/') + 1));
    for (const ForeignUnit& unit : find_rival_units(root)) inputs.add(unit.path);
}

}  // namespace

std::optional<std::string> cdi_inputs(const Services& services, const Store& store, const Config& config,
                                      const LocalState& local) {
    const auto& pair = local.selection.pair;
    const auto generation = std::find_if(local.generations.begin(), local.generations.end(),
                                         [&](const GenerationInfo& each) { return each.pair == pair; });
    if (!local.manifest || generation == local.generations.end() || config.containers.sockets) return std::nullopt;
    Inputs inputs{services.root};
    const ContainersConfig& containers = config.containers;
    inputs.add(services.program.version, static_cast<int>(containers.cdi), containers.spec_directory,
               containers.cdi_version, static_cast<int>(containers.other_generators),
               find_cdi_hook(services.root).value_or(""));
    try {
        add_generation(inputs, store.generation_path(*pair), *generation, *local.manifest);
        if (!add_gpus(inputs, services.root, local.facts)) return std::nullopt;
        add_others(inputs, services.root, config);
    } catch (const Error&) {
        return std::nullopt;  // whoever needs what cannot be read says so
    }
    return inputs.digest();
}

void write_cdi_seal(const Root& root, const CdiSeal& seal) {
    const nlohmann::ordered_json document{{"schema", kSchema},       {"min_reader", kSchema},
                                          {"inputs", seal.inputs},   {"sha256", seal.sha256},
                                          {"version", seal.version}, {"devices", seal.devices}};
    root.make_directories(kRunDirectory);
    root.write_file(kSealFile, document.dump(2) + "\n");
}

std::optional<CdiSeal> unbroken_cdi_seal(const Services& services, const Store& store, const Config& config,
                                         const LocalState& local) {
    try {
        const std::string path = kept_cdi_path(config);
        const auto text = services.root.read_file(kSealFile, kMostSealBytes);
        if (!text || is_foreign_cdi(services.root, path)) return std::nullopt;
        const auto spec = services.root.read_file(path, kMostSpecBytes);
        if (!spec) return std::nullopt;
        const JsonReader reader = JsonReader::parse(*text, kSealFile, Errc::bad_record);
        reader.require_reader(kSchema);
        CdiSeal seal{reader.string("inputs"), reader.string("sha256"), reader.string("version"),
                     reader.strings("devices")};
        if (seal.sha256 != sha256_hex(*spec) || seal.inputs != cdi_inputs(services, store, config, local))
            return std::nullopt;
        return seal;
    } catch (const Error&) {
        return std::nullopt;  // a seal of another program, or damaged
    }
}

}  // namespace overdrive
