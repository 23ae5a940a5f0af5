#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/containers_config.hpp"
#include "model/driver_id.hpp"
#include "model/trust_policy.hpp"

namespace overdrive {

/// What nvidia-smi's answer means for an activation.
enum class SmiPolicy { off, warn, require };

/// What `--now` and an update do about a loaded driver that somebody uses.
enum class WhenBusy {
    defer,  ///< it stays until the next boot
    wait,   ///< wait a limited time for its users to end, then defer
    stop    ///< stop the daemons that are known to hold it (monitoring, fabric manager), then as `wait`
};

/// What happens to units and drop-ins of our names that somebody else wrote.
enum class ForeignUnits {
    mask,   ///< put aside visibly, restored on uninstall
    refuse  ///< an error that names them
};

/// The desired state and the policy, merged from all places. Values are checked when they are read.
struct Config {
    std::optional<DriverWish> driver;  ///< `driver = "550.163.01-open"` or a branch
    std::optional<DriverId> pin;       ///< `pin = "550.163.01-open"`: this version exactly, whatever `driver` moves to
    bool hold = false;                 ///< `hold = true`: update never moves to another driver
    std::vector<std::string>
        sources;        ///< `sources = ["docker://registry.example/overdrive/nvidia-{os_id}"]`, tried in order
    TrustPolicy trust;  ///< `[trust]`: where none of `trust_policies` is for the place
    std::vector<TrustPolicy> trust_policies;  ///< `[[trust.policy]]`, each complete in itself, prefixes differ
    bool unsigned_nowhere = false;  ///< a policy for an unknown place could not be read: nothing is let in by allowance
    std::vector<std::string> insecure_registries;  ///< `[registry] insecure = ["127.0.0.1:5000"]`: plain HTTP allowed
    std::string proxy;                  ///< `[registry] proxy = "http://proxy.example:3128"`; empty = the environment's
    std::vector<std::string> no_proxy;  ///< `[registry] no-proxy = ["registry.example", ".corp.example"]`
    std::chrono::seconds boot_jitter{30};      ///< `[registry] boot-jitter = 30`: a boot's first request waits up to it
    std::chrono::seconds connect_timeout{10};  ///< `[registry] connect-timeout = 10`
    std::chrono::seconds stall_timeout{30};    ///< `[registry] stall-timeout = 30`: a transfer that moves no more ends
    std::chrono::seconds patience{120};        ///< `[registry] patience = 120`: waited for one source in all
    std::string exposure;                      ///< `exposure = "overlay" | "links"`; empty = the OS profile decides
    SmiPolicy nvidia_smi = SmiPolicy::warn;    ///< `nvidia-smi = "off" | "warn" | "require"`
    std::chrono::seconds kubelet_wait{120};    ///< `kubelet-wait = 120`
    std::vector<std::string>
        before;           ///< `before = ["kubelet.service"]`: units ordered after the driver, besides the usual ones
    bool strict = false;  ///< `strict = true`: a consumer does not start when nvidia.service failed
    WhenBusy when_busy = WhenBusy::defer;  ///< `when-busy = "defer" | "wait" | "stop"`
    std::chrono::seconds busy_wait{60};    ///< `busy-wait = 60`: how long `wait` and `stop` wait for users to end
    ForeignUnits foreign_units = ForeignUnits::mask;  ///< `foreign-units = "mask" | "refuse"`
    /// `[parameters]` `nvidia = ["NVreg_EnableGpuFirmware=1"]`: by module, then by parameter; over those of driver.json
    std::map<std::string, std::map<std::string, std::string>> parameters;
    std::vector<std::string> preflight_ignore;  ///< `[preflight] ignore = ["signer-unknown"]`: codes that do not block
    bool stage_auto = true;                     ///< `[stage] auto = false`: a pending OS is not staged by itself
    bool gate_hold = true;                      ///< `[gate] hold = false`: no reboot is held, `gate` only answers
    std::chrono::seconds gate_timeout{4 * 3600};  ///< `[gate] timeout = 14400`: a reboot is held at most so long
    std::chrono::seconds hook_timeout{30};        ///< `[hooks] timeout = 30`: for each executable in hooks.d
    std::string metrics_directory;      ///< `[metrics] directory = "/var/lib/node_exporter"`; empty = no metrics file
    ContainersConfig containers;        ///< `[containers]`
    bool operator_validations = false;  ///< `operator-validations = true`: the files that NVIDIA's operator waits for
    /// The pin where there is one, else the driver.
    [[nodiscard]] std::optional<DriverWish> wish() const;
    /// The policy for a place, by the longest prefix. @param place a repository with its host, or a source's name
    [[nodiscard]] TrustPolicy policy_for(std::string_view place) const;
    std::vector<std::string> warnings;  ///< what was ignored at boot, for status and the journal
};

/// Where a text of configuration comes from, and how strictly it is read.
enum class Strictness {
    interactive,  ///< an unknown key is an error that names the nearest known one
    boot          ///< an unknown key or a bad value is a warning: a typo must not cost a node its driver
};

/// Lays the settings of one TOML document over `config`; a later document wins key by key.
/// @param name the file's name, for messages
/// @throws Error config naming file, line and key; under Strictness::boot only when the document is not TOML at all
void apply_config(Config& config, std::string_view toml, const std::string& name, Strictness strictness);

}  // namespace overdrive
