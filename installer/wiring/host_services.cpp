#include "wiring/host_services.hpp"

#include "devices/fabric_facts_reader.hpp"
#include "devices/host_facts_reader.hpp"
#include "devices/kernel_policy_reader.hpp"
#include "modules/kernel_log.hpp"
#include "os/logind_hold.hpp"
#include "os/pending_os_finder.hpp"
#include "registry/make_source.hpp"
#include "systemd/unit_files.hpp"
#include "wiring/preflight_reader.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostKernelLines = 200;

std::vector<HostFile> unit_files_for(const Root& root, const Config& config) {
    std::vector<HostFile> files;
    for (UnitFile& file : unit_files(unit_options(root, config, pending_source_of(root))))
        files.push_back({std::move(file.path), std::move(file.content)});
    return files;
}

}  // namespace

HostServices::HostServices(const Root& root, ProgramFacts program, ModuleLoader& modules, UnitManager& units,
                           Clock& clock, Progress& progress, Report& report)
    : root_{root},
      report_{report},
      exposure_{root, processes_},
      nodes_{root},
      holders_{root},
      journal_{root},
      changes_{root, "/run/overdrive"},
      clock_{clock},
      update_engine_{root},
      services_{.root = root,
                .program = std::move(program),
                .modules = modules,
                .exposure = exposure_,
                .nodes = nodes_,
                .holders = holders_,
                .guard = guard_,
                .processes = processes_,
                .units = units,
                .clock = clock_,
                .progress = progress,
                .read_facts = [this] { return read_host_facts(root_); },
                .open_source = [this](const std::string& name, const Config& config,
                                      const std::string& os_id) { return open_source(name, config, os_id); },
                .unit_files = [this](const Config& config) { return unit_files_for(root_, config); },
                .enabled_units = enabled_units(pending_source_of(root)),
                .sysusers_program = std::string{kSysusersProgram},
                .read_kernel_policy = [this] { return read_kernel_policy(root_); },
                .find_pending_os = [this] { return find_pending_os(root_, read_host_facts(root_), processes_); },
                .hold_reboot = [this](const std::string& why) { return overdrive::hold_reboot(root_, why); },
                .log = [this](const LogEntry& entry) { journal_.send(entry); },
                .read_preflight_facts =
                    [this](const PreflightRequest& request) { return read_preflight_facts(root_, request); },
                .wait_for_change = [this](std::chrono::milliseconds most) { changes_.wait(most); },
                .read_fabric_facts = [this] { return read_fabric_facts(root_); },
                .await_os_signal = [this](std::chrono::milliseconds most) { update_engine_.wait(most); },
                .read_kernel_log = [this] { return driver_lines(root_, kMostKernelLines); }} {}

std::unique_ptr<ArtifactSource> HostServices::open_source(const std::string& name, const Config& config,
                                                          const std::string& os_id) {
    if (!registries_) registries_.emplace(root_, config, services_.program, processes_, clock_);
    auto source = make_source(name, registries_->access, os_id);
    for (const std::string& warning : registries_->access.take_warnings()) report_.warn(warning);
    return source;
}

}  // namespace overdrive
