#pragma once

#include <optional>

#include "devices/fs_verity_guard.hpp"
#include "devices/host_device_nodes.hpp"
#include "devices/proc_device_holders.hpp"
#include "os/update_engine.hpp"
#include "overlay/libmount_exposure.hpp"
#include "ports/module_loader.hpp"
#include "ports/progress.hpp"
#include "ports/unit_manager.hpp"
#include "process/boost_process_runner.hpp"
#include "support/directory_watch.hpp"
#include "systemd/journal_sender.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"
#include "wiring/registries.hpp"

namespace overdrive {

/// The adapters of a host, and the Services over them. References are kept: everything given outlives it.
class HostServices {
public:
    /// @param modules, units the kernel's modules and systemd, which the proof simulates
    HostServices(const Root& root, ProgramFacts program, ModuleLoader& modules, UnitManager& units, Clock& clock,
                 Progress& progress, Report& report);
    HostServices(const HostServices&) = delete;
    HostServices& operator=(const HostServices&) = delete;
    ~HostServices() = default;

    [[nodiscard]] Services& services() noexcept { return services_; }

private:
    [[nodiscard]] std::unique_ptr<ArtifactSource> open_source(const std::string& name, const Config& config,
                                                              const std::string& os_id);

    const Root& root_;
    Report& report_;
    BoostProcessRunner processes_;
    LibmountExposure exposure_;
    HostDeviceNodes nodes_;
    ProcDeviceHolders holders_;
    FsVerityGuard guard_;
    JournalSender journal_;
    DirectoryWatch changes_;
    Clock& clock_;
    UpdateEngine update_engine_;            ///< for the wait: connects when first used
    std::optional<Registries> registries_;  ///< made when a source is really opened
    Services services_;
};

}  // namespace overdrive
