#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/fabric_facts.hpp"
#include "model/host_facts.hpp"
#include "model/kernel_policy.hpp"
#include "model/pending_os.hpp"
#include "model/preflight_facts.hpp"
#include "ports/artifact_source.hpp"
#include "ports/clock.hpp"
#include "ports/content_guard.hpp"
#include "ports/device_holders.hpp"
#include "ports/device_nodes.hpp"
#include "ports/exposure.hpp"
#include "ports/log_entry.hpp"
#include "ports/module_loader.hpp"
#include "ports/preflight_request.hpp"
#include "ports/process_runner.hpp"
#include "ports/progress.hpp"
#include "ports/reboot_hold.hpp"
#include "ports/unit_manager.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Where this program runs and where it came from.
struct ProgramFacts {
    std::string version;
    bool is_root = false;
    bool in_container = false;  ///< the host's tree is not our own `/`
    std::string
        image_directory;  ///< where an unpacked artifact lies in our own `/` (`/driver`); empty when there is none
    std::string program_directory;  ///< the bundle this program runs from; empty in a development build
    bool interactive = false;       ///< a person reads along
    std::chrono::milliseconds lock_patience{60'000};  ///< how long to wait for another run
};

/// A file that belongs on the host.
struct HostFile {
    std::string path;  ///< absolute, below the host root
    std::string content;
};

/// Everything a verb may use; built by wiring, by fakes in tests.
struct Services {
    const Root& root;
    ProgramFacts program;
    ModuleLoader& modules;
    Exposure& exposure;
    DeviceNodes& nodes;
    DeviceHolders& holders;
    ContentGuard& guard;
    ProcessRunner& processes;
    UnitManager& units;
    Clock& clock;
    Progress& progress;
    std::function<HostFacts()> read_facts;
    /// Opens a source as the configuration names it; `{os_id}` in it is filled in.
    std::function<std::unique_ptr<ArtifactSource>(const std::string& name, const Config& config,
                                                  const std::string& os_id)>
        open_source;
    /// Our units and drop-ins for this host, and those of them that are enabled.
    std::function<std::vector<HostFile>(const Config& config)> unit_files;
    std::vector<std::string> enabled_units;
    std::string sysusers_program;  ///< makes the users that the units name; a host path
    /// What the running kernel lets in.
    std::function<KernelPolicy()> read_kernel_policy = {};
    /// The OS release that the next boot will run; nullopt when it is the running one.
    std::function<std::optional<PendingOs>()> find_pending_os = {};
    /// Holds back reboots as long as the answer lives. @throws Error service_manager when logind refuses or is away
    std::function<std::unique_ptr<RebootHold>(const std::string& why)> hold_reboot = {};
    /// Adds an entry to the host's journal; one that cannot be written is dropped.
    std::function<void(const LogEntry& entry)> log = {};
    /// What the preflight judges; empty where nothing of it can be known.
    std::function<PreflightFacts(const PreflightRequest& request)> read_preflight_facts = {};
    /// Returns when something below /run/overdrive has changed since the last call, at the latest after `most`.
    std::function<void(std::chrono::milliseconds most)> wait_for_change = {};
    /// What asks for more daemons than nvidia-persistenced; empty = nothing does.
    std::function<FabricFacts()> read_fabric_facts = {};
    /// Returns when whoever updates the OS tells that an update waits for a reboot, at the latest after `most`. What is
    /// told after the first call is not missed. Empty where nobody tells.
    std::function<void(std::chrono::milliseconds most)> await_os_signal = {};
    /// What the kernel said of the driver in this boot, oldest first, the last lines; empty where it cannot be read.
    std::function<std::vector<std::string>()> read_kernel_log = {};
};

}  // namespace overdrive
