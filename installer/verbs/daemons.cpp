#include "verbs/daemons.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

constexpr const char* kDaemonDirectory = "/run/overdrive/daemons";
constexpr const char* kStoppedFile = "/run/overdrive/stopped-daemons";
constexpr std::size_t kMostStoppedBytes = 64U << 10U;

std::string environment_text(const PlannedDaemon& daemon) {
    std::string text;
    for (const auto& [name, value] : daemon.environment) text += fmt::format("{}={}\n", name, value);
    return text;
}

}  // namespace

DaemonPlan daemon_plan(const Services& services, const DriverManifest& manifest, const HostFacts& facts) {
    return plan_daemons(manifest, facts.gpus,
                        services.read_fabric_facts ? services.read_fabric_facts() : FabricFacts{});
}

void tell_daemons(const Root& root, const DaemonPlan& plan) {
    root.make_directories(kDaemonDirectory);
    std::set<std::string> wanted;
    for (const PlannedDaemon& daemon : plan.daemons) {
        wanted.insert(daemon.name);
        const std::string path = fmt::format("{}/{}", kDaemonDirectory, daemon.name);
        const std::string text = environment_text(daemon);
        if (root.read_file(path, kMostStoppedBytes) != text) root.write_file(path, text);
    }
    for (const std::string& name : root.list(kDaemonDirectory)) {
        if (!wanted.contains(name)) root.remove(fmt::format("{}/{}", kDaemonDirectory, name));
    }
}

std::set<std::string> units_without_daemon(const Store& store) {
    std::set<std::string> units;
    for (const KnownDaemon& daemon : kKnownDaemons) {
        if (daemon.name != kPersistenced) units.emplace(daemon.unit);
    }
    for (const GenerationInfo& generation : store.list_generations()) {
        try {
            for (const DaemonSpec& spec : store.read_manifest(generation.pair).daemons) {
                std::erase_if(units, [&](const std::string& unit) { return daemon_of(unit)->name == spec.name; });
            }
        } catch (const Error&) {
            continue;  // a damaged generation brings nothing; verify and doctor speak of it
        }
    }
    return units;
}

void note_stopped_daemons(const Root& root, const std::vector<std::string>& units) {
    if (units.empty()) return;
    root.make_directories(kRunDirectory);
    root.write_file(kStoppedFile, fmt::format("{}\n", fmt::join(units, "\n")));
}

void forget_stopped_daemons(const Root& root) noexcept {
    try {
        root.remove(kStoppedFile);
    } catch (const std::exception&) {  // it is gone at the next boot
    }
}

std::vector<std::string> stopped_daemons(const Root& root) {
    std::vector<std::string> units;
    std::string text = root.read_file(kStoppedFile, kMostStoppedBytes).value_or("");
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
        if (end > 0) units.push_back(text.substr(0, end));
        text.erase(0, end + 1);
    }
    return units;
}

}  // namespace overdrive
