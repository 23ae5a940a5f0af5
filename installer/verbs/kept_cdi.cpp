#include "verbs/kept_cdi.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "cdi/driver_tree.hpp"
#include "cdi/fit_version.hpp"
#include "cdi/generate.hpp"
#include "cdi/mig_drift.hpp"
#include "cdi/read_spec.hpp"
#include "cdi/validate.hpp"
#include "cdi/version.hpp"
#include "cdi/write_spec.hpp"
#include "support/sha256.hpp"
#include "verbs/cdi_generate.hpp"
#include "verbs/cdi_rivals.hpp"
#include "verbs/cdi_seal.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kName = "overdrive-nvidia.yaml";
constexpr std::string_view kMark = "# overdrive: ";
constexpr std::size_t kMostBytes = 4U << 20U;

/// @throws Error as generate_cdi_spec and fit_cdi_version
CdiSpec make_spec(const Services& services, const Store& store, const Config& config, const HostFacts& facts,
                  const Pair& in_force, std::vector<std::string>& remarks) {
    CdiGenerateOptions options;
    options.driver_root = store.generation_path(in_force);
    options.dev_root = "/";
    options.nvml = CdiNvml::for_mig;
    options.kernel_release = facts.kernel_release;
    if (!config.containers.sockets) options.feature_flags.insert("disable-ipc-discoverer");
    const auto hook = find_cdi_hook(services.root);
    if (!hook) {
        throw Error{Errc::unsupported,
                    fmt::format("no hook helper is on this host; '{}' comes with the program", kOwnCdiHook)};
    }
    options.hooks.path = *hook;
    if (!is_known_cdi_version(config.containers.cdi_version)) {
        throw Error{Errc::config, fmt::format("there is no CDI version '{}' (containers.cdi-version)",
                                              config.containers.cdi_version)};
    }
    std::vector<std::string> found;
    const NvmlAsker ask_nvml = ask_nvml_by(services.processes, nvml_helper());
    FittedSpec fitted = fit_cdi_version(generate_cdi_spec(services.root, options, ask_nvml, found),
                                        *parse_cdi_version(config.containers.cdi_version));
    if (const auto faults = faults_of(fitted.spec); !faults.empty())
        throw Error{Errc::bad_manifest, fmt::format("it would not be valid: {}", faults.front())};
    for (const auto& list : {found, fitted.dropped}) remarks.insert(remarks.end(), list.begin(), list.end());
    return std::move(fitted.spec);
}

std::vector<std::string> names_of(const CdiSpec& spec) {
    std::vector<std::string> names;
    for (const CdiDevice& device : spec.devices) names.push_back(spec.kind + "=" + device.name);
    return names;
}

/// Asks what others do, and does what the policy says.
void heed_rivals(const Root& root, const Config& config, const CdiSpec& spec, WantedCdi& wanted) {
    std::set<std::string> devices;
    for (const CdiDevice& device : spec.devices) devices.insert(device.name);
    for (const CdiRival& rival : find_cdi_rivals(root, config.containers, kept_cdi_path(config), devices)) {
        if (config.containers.other_generators == OtherGenerators::defer && rival.is_in_the_way()) {
            wanted = {.text = {}, .why_not = fmt::format("it is left to others: {}", rival.text()), .deferred = true};
            return;
        }
        const bool aside =
            config.containers.other_generators == OtherGenerators::mask && rival.kind == CdiRival::Kind::same_folder;
        if (aside) wanted.put_aside.push_back(rival.path);
        wanted.remarks.push_back(rival.text() + (aside ? "; it is put aside" : ""));
    }
}

/// Why the content is not that of the generation at `place`; empty when it is.
std::string staleness(const Root& root, const CdiSpec& spec, const std::string& place) {
    const auto missing = std::find_if(spec.edits.mounts.begin(), spec.edits.mounts.end(),
                                      [&](const CdiMount& mount) { return !root.exists(mount.host_path); });
    if (missing != spec.edits.mounts.end()) return fmt::format("it names '{}', which is not there", missing->host_path);
    const bool names_it = std::any_of(spec.edits.mounts.begin(), spec.edits.mounts.end(),
                                      [&](const CdiMount& mount) { return mount.host_path.starts_with(place + "/"); });
    if (!names_it) return fmt::format("it is not of '{}', which is in force", place);
    const bool drifted = root.exists("/proc/driver/nvidia") && has_mig_drift(spec, DriverTree{root, "/proc"});
    return drifted ? "the MIG instances are not those that it was made for" : "";
}

std::set<std::string> kept_paths(const Config& config, const Record& record) {
    std::set<std::string> paths{kept_cdi_path(config)};
    for (const OwnedPath& owned : record.owned) {
        if (is_owned_cdi(owned)) paths.insert(owned.path);
    }
    return paths;
}

std::string_view to_string(CdiState::Word word) {
    switch (word) {
        case CdiState::Word::off:
            return "off";
        case CdiState::Word::none:
            return "none";
        case CdiState::Word::foreign:
            return "foreign";
        case CdiState::Word::stale:
            return "stale";
        case CdiState::Word::current:
            return "current";
    }
    return "";
}

}  // namespace

std::string kept_cdi_path(const Config& config) {
    return fmt::format("{}/{}", config.containers.spec_directory, kName);
}

OwnedPath owned_cdi(const std::string& path) { return {path, "file", sha256_hex(kMark)}; }

bool is_owned_cdi(const OwnedPath& owned) { return owned.path.ends_with(fmt::format("/{}", kName)); }

WantedCdi wanted_cdi(const Services& services, const Store& store, const Config& config, const HostFacts& facts,
                     const Pair& in_force) {
    WantedCdi wanted;
    if (config.containers.cdi == CdiPolicy::off) return wanted;
    try {
        const CdiSpec spec = make_spec(services, store, config, facts, in_force, wanted.remarks);
        wanted.version = spec.version;
        wanted.devices = names_of(spec);
        wanted.text = fmt::format("{}driver {}. 'overdrive activate' makes this file anew; changes are lost.\n{}",
                                  kMark, in_force.path(), to_yaml(spec));
        heed_rivals(services.root, config, spec, wanted);
    } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        wanted.why_not = error.what();
    }
    return wanted;
}

bool is_foreign_cdi(const Root& root, const std::string& path) {
    const auto status = root.link_status(path);
    if (!status) return false;
    if (!S_ISREG(status->st_mode) || status->st_size > static_cast<off_t>(kMostBytes)) return true;
    return !root.read_file(path, kMostBytes).value_or("").starts_with(kMark);
}

CdiState look_at_cdi(const Services& services, const Store& store, const Config& config, const LocalState& local,
                     const std::optional<Pair>& in_force) {
    const Root& root = services.root;
    CdiState state{.path = kept_cdi_path(config)};
    if (config.containers.cdi == CdiPolicy::off) {
        state.word = CdiState::Word::off;
        return state;
    }
    if (!root.link_status(state.path)) return state;
    if (is_foreign_cdi(root, state.path)) {
        state.word = CdiState::Word::foreign;
        state.why = fmt::format("'{}' was not written by overdrive", state.path);
        return state;
    }
    const bool is_selected = in_force && in_force == local.selection.pair;
    if (auto seal = is_selected ? unbroken_cdi_seal(services, store, config, local) : std::nullopt) {
        state.word = CdiState::Word::current;
        state.version = std::move(seal->version);
        state.devices = std::move(seal->devices);
        return state;
    }
    state.word = CdiState::Word::stale;
    try {
        const CdiSpec spec = read_cdi_spec(root.read_file(state.path, kMostBytes).value_or(""), state.path);
        state.version = spec.version;
        state.devices = names_of(spec);
        state.why = in_force ? staleness(root, spec, DriverTree{root, store.generation_path(*in_force)}.place())
                             : std::string{"no driver is in force"};
        if (state.why.empty()) state.word = CdiState::Word::current;
    } catch (const Error& error) {
        state.why = error.what();
    }
    return state;
}

std::string CdiState::text() const {
    if (word == Word::off) return "off";
    if (word == Word::none) return fmt::format("no CDI specification ('{}' is not there)", path);
    if (word == Word::current) return fmt::format("{}: {} devices, CDI {}", path, devices.size(), version);
    return fmt::format("{}: {}", to_string(word), why);
}

nlohmann::ordered_json CdiState::to_json() const {
    using nlohmann::ordered_json;
    return {{"state", to_string(word)},
            {"path", path},
            {"why", why.empty() ? ordered_json(nullptr) : ordered_json(why)},
            {"version", version.empty() ? ordered_json(nullptr) : ordered_json(version)},
            {"devices", devices}};
}

bool remove_kept_cdi(const Root& root, const Config& config, const Record& record) {
    bool removed = false;
    for (const std::string& path : kept_paths(config, record)) {
        if (!is_foreign_cdi(root, path)) removed = root.remove(path) || removed;
    }
    return removed;
}

std::vector<std::string> restore_cdi_put_aside(const Root& root, const Config& config, const Record& record) {
    std::vector<std::string> kept;
    for (const std::string& own : kept_paths(config, record)) {
        const std::string folder = own.substr(0, own.rfind('/'));
        for (const std::string& name : root.list(folder)) {
            if (!name.ends_with(kAsideSuffix)) continue;
            const std::string aside = fmt::format("{}/{}", folder, name);
            const std::string place = aside.substr(0, aside.size() - kAsideSuffix.size());
            if (root.link_status(place)) {
                kept.push_back(aside);
            } else {
                root.rename(aside, place, false);
            }
        }
    }
    return kept;
}

}  // namespace overdrive
