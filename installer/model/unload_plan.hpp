#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/driver_manifest.hpp"
#include "model/host_facts.hpp"

namespace overdrive {

/// Whether a module is one of the driver's own: nvidia, nvidia_uvm, nvidia_modeset, nvidia_drm, nvidia_peermem ...
/// By name, not by prefix: nvidia_cspmu and nvidia_wmi_ec_backlight are the kernel's own and have nothing to do with
/// it.
/// @param kernel_name with underscores
[[nodiscard]] bool is_family_module(std::string_view kernel_name) noexcept;

/// Whether a module is another driver for the same GPUs: nouveau, nova_core, nova_drm.
[[nodiscard]] bool is_rival_module(std::string_view kernel_name) noexcept;

/// How the loaded driver can be taken out of the kernel, whoever loaded it.
struct UnloadPlan {
    /// A module of somebody else that uses one of the driver's.
    struct ForeignUser {
        std::string module;
        std::string user;
        friend bool operator==(const ForeignUser&, const ForeignUser&) = default;
    };
    /// References to a module that no other module explains: open or mapped devices, or the kernel's own (a console).
    struct References {
        std::string module;
        unsigned count = 0;
        friend bool operator==(const References&, const References&) = default;
    };

    std::vector<std::string> order;           ///< kernel spelling; users before what they use, nvidia last
    std::vector<ForeignUser> foreign_users;   ///< nobody but their owner can tell whether they may go
    std::vector<References> open_references;  ///< gone when their holders are
    std::vector<std::string> rivals;          ///< loaded beside it; they do not keep it from being unloaded

    /// Whether unloading in `order` would succeed now.
    [[nodiscard]] bool is_free() const noexcept { return foreign_users.empty() && open_references.empty(); }
};

/// @param facts module list with reference counts and users, as /proc/modules has them
[[nodiscard]] UnloadPlan plan_unload(const HostFacts& facts);

/// What blocks it, in words: `gdrdrv uses nvidia, nvidia_uvm has 2 open references`. Empty when nothing does.
[[nodiscard]] std::string describe_blockers(const UnloadPlan& plan);

/// The facts as they will be when the driver is unloaded.
[[nodiscard]] HostFacts after_unload(HostFacts facts);

/// Whether the loaded driver can have come from this generation: same kernel release, and the version of every loaded
/// module that it has is that of its file. The firmware path, where it is one of ours, tells generations apart whose
/// versions are equal (the open and the proprietary modules of one driver).
/// @param generation absolute path on the host
[[nodiscard]] bool is_loaded_from(const HostFacts& facts, const DriverManifest& manifest, std::string_view generation);

}  // namespace overdrive
