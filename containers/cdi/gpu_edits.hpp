#pragma once

#include <map>
#include <string>
#include <vector>

#include "cdi/device_nodes.hpp"
#include "cdi/gpu_inventory.hpp"
#include "cdi/hooks.hpp"
#include "cdi/spec.hpp"

namespace overdrive {

/// Makes the edits that one GPU or one MIG instance needs.
class GpuEdits {
public:
    /// @param nodes       below the root that has /dev
    /// @param sys         the directory that is /sys
    /// @param mig_minors  numbers of capability nodes, as read_mig_minors has them
    GpuEdits(const DeviceNodeFinder& nodes, const DriverTree& sys, std::map<std::string, unsigned> mig_minors,
             const CdiHookMaker& hooks)
        : nodes_{nodes}, sys_{sys}, mig_minors_{std::move(mig_minors)}, hooks_{hooks} {}

    /// The GPU's node, its DRM nodes and their links by path.
    /// @throws Error device_nodes: the GPU's own node is not there
    [[nodiscard]] CdiEdits whole(const GpuDevice& gpu) const;
    /// The node of its GPU and the two capability nodes; the DRM nodes too when it can draw.
    /// @throws Error device_nodes: one of them is not there or has no number
    [[nodiscard]] CdiEdits instance(const GpuDevice& gpu, const MigInstance& instance) const;

private:
    void add_required(const std::string& path, CdiEdits& edits) const;
    void add_drm(const GpuDevice& gpu, CdiEdits& edits) const;
    [[nodiscard]] std::string capability_node(const std::string& capability) const;

    const DeviceNodeFinder& nodes_;
    const DriverTree& sys_;
    std::map<std::string, unsigned> mig_minors_;
    const CdiHookMaker& hooks_;
};

/// The hook that opens the folders of `edits`' nodes to everyone (`chmod`), where it is enabled.
void add_folder_hook(CdiEdits& edits, const CdiHookMaker& hooks);

/// How devices are called. @see `--device-name-strategy` of the container toolkit
enum class CdiNaming { index, uuid, type_index };

/// @throws Error usage
[[nodiscard]] CdiNaming parse_cdi_naming(std::string_view text);
/// The names of a GPU or of an instance of it, one for each strategy; a UUID that is not known gives none.
[[nodiscard]] std::vector<std::string> cdi_names(const std::vector<CdiNaming>& naming, const GpuDevice& gpu,
                                                 const MigInstance* instance);

}  // namespace overdrive
