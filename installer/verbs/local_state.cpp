#include "verbs/local_state.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/json_reader.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr int kStatusSchema = 1;
constexpr const char* kRuntimeDirectory = "/run/overdrive";
constexpr const char* kStatusFile = "/run/overdrive/status.json";
constexpr const char* kDevicePresentFile = "/run/overdrive/device-present";
constexpr const char* kReadyFile = "/run/overdrive/ready";

/// Whether a generation for this kernel release was built for this very kernel: same architecture, and the same build
/// where both are known. One whose driver.json cannot be read fits nothing.
bool built_for(const Store& store, const GenerationInfo& generation, const HostFacts& facts,
               std::vector<std::string>& warnings) {
    try {
        const DriverManifest manifest = store.read_manifest(generation.pair);
        const bool other_build =
            manifest.build_id && facts.kernel_build_id && manifest.build_id != facts.kernel_build_id;
        if (other_build) {
            warnings.push_back(
                fmt::format("{} is for another build of kernel {}", generation.pair.path(), facts.kernel_release));
        }
        return manifest.architecture == facts.architecture && !other_build;
    } catch (const Error& error) {
        warnings.push_back(fmt::format("{} is not used: {}", generation.pair.path(), error.what()));
        return false;
    }
}

std::vector<Candidate> candidates(const Store& store, const std::vector<GenerationInfo>& generations,
                                  const HostFacts& facts, std::vector<std::string>& warnings) {
    std::vector<Candidate> out;
    out.reserve(generations.size());
    for (const GenerationInfo& generation : generations) {
        const bool same_release = generation.kernel_release == facts.kernel_release;
        if (same_release && !built_for(store, generation, facts, warnings)) continue;
        out.push_back({generation.pair, generation.kernel_release});
    }
    return out;
}

std::vector<std::string> missing_modules(const HostFacts& facts, const DriverManifest& manifest) {
    std::vector<std::string> missing;
    for (const ModuleSpec& module : manifest.modules) {
        if (module.autoload && module.required && facts.loaded(module.name) == nullptr) missing.push_back(module.name);
    }
    return missing;
}

void mark(const Root& root, const char* file, bool there) {
    if (there) {
        root.write_file(file, "");
    } else {
        root.remove(file);
    }
}

}  // namespace

LocalState read_local_state(const Services& services, const Store& store, const Config& config,
                            std::vector<std::string>& warnings) {
    LocalState local;
    local.facts = services.read_facts();
    local.generations = store.list_generations();
    try {
        local.record = store.load_record();
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record) throw;
        warnings.emplace_back(error.what());
    }
    local.current = store.read_current();
    local.wanted = config.wish();
    // Between updates a branch means the driver that the last install resolved it to; without any wish that driver is
    // wanted.
    if (local.record && local.record->desired &&
        (!local.wanted || local.wanted->allows(local.record->desired->driver))) {
        local.wanted = DriverWish::parse(local.record->desired->driver.text());
    }
    local.selection = select_generation(candidates(store, local.generations, local.facts, warnings), local.wanted,
                                        local.facts.kernel_release);
    return local;
}

DriverState observe(Services& services, const Store& store, const LocalState& local, const Config& config,
                    const DriverManifest* manifest) {
    Observation seen;
    seen.gpu_present = !local.facts.gpus.empty();
    seen.anything_installed = !local.generations.empty();
    seen.kernel_release = local.facts.kernel_release;
    if (local.selection.pair) seen.selected = local.selection.pair->path();
    if (local.current) seen.current = local.current->path();
    seen.loaded_version = local.facts.driver_version;
    const auto note = read_activation_note(services.root);
    if (note && note->boot_id == local.facts.boot_id) seen.activation_failure = note->failure;
    if (manifest != nullptr && seen.gpu_present) {
        seen.wanted_version = manifest->driver_version;
        seen.missing_modules = missing_modules(local.facts, *manifest);
        const ExposurePlan plan = plan_exposure(profile_for(local.facts.os_release.id()), local.facts, *manifest,
                                                store.generation_path(manifest->pair()), config.exposure, {});
        seen.exposure_healthy = services.exposure.inspect(plan) == Exposure::State::healthy;
        seen.missing_nodes = services.nodes.missing(manifest->device_nodes);
    }
    return judge(seen);
}

std::optional<ActivationNote> read_activation_note(const Root& root) {
    const auto text = root.read_file(kStatusFile, 1U << 20U);
    if (!text) return std::nullopt;
    try {
        const JsonReader reader = JsonReader::parse(*text, kStatusFile, Errc::bad_record);
        reader.require_reader(kStatusSchema);
        return ActivationNote{reader.string("boot_id"), reader.optional_string("failure")};
    } catch (const Error&) {
        return std::nullopt;  // a note from another program version tells nothing; the facts are looked at anyway
    }
}

void write_runtime_state(const Services& services, const LocalState& local, const DriverState& state,
                         const std::optional<std::string>& failure) {
    services.root.make_directories(kRuntimeDirectory);
    const ordered_json json{
        {"schema", kStatusSchema},
        {"min_reader", 1},
        {"state", to_string(state.word)},
        {"because", to_string(state.because)},
        {"why", state.why},
        {"driver", local.current ? ordered_json(local.current->driver.text()) : ordered_json(nullptr)},
        {"os_key", local.current ? ordered_json(local.current->os_key) : ordered_json(nullptr)},
        {"kernel_release", local.facts.kernel_release},
        {"boot_id", local.facts.boot_id},
        {"failure", failure ? ordered_json(*failure) : ordered_json(nullptr)},
        {"updated_at", services.clock.wall().count()}};
    services.root.write_file(kStatusFile, json.dump(2) + "\n");
    const bool driver_loaded = !local.facts.gpus.empty() && local.facts.driver_version.has_value();
    mark(services.root, kDevicePresentFile, driver_loaded);
    mark(services.root, kReadyFile, state.word != StateWord::degraded);
}

}  // namespace overdrive
