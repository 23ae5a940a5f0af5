#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cdi/engines.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What the files of an engine say about CDI.
struct CdiEngineSettings {
    std::vector<std::string> folders;     ///< where it looks, the weaker first; the usual ones when nothing says more
    std::string said_by{};                ///< the file that names other folders; empty: none does
    std::optional<bool> enabled{};        ///< nullopt: no file says so, and its release decides
    std::vector<std::string> problems{};  ///< files that cannot be read, a sentence each
};

/// Reads the files of the host in which an engine is told where specifications are, the later ones stronger:
/// containers.conf of podman (`[engine] cdi_spec_dirs`), daemon.json of docker (`cdi-spec-dirs`, `features.cdi`),
/// config.toml of containerd with what it imports (`cdi_spec_dirs`, `enable_cdi` of its CRI plugin, in both layouts),
/// crio.conf of cri-o (`[crio.runtime] cdi_spec_dirs`). Never throws for what is in them.
/// @param engine  as CdiEngine names it
[[nodiscard]] CdiEngineSettings read_engine_settings(const Root& root, const std::string& engine);

/// Whether an engine of this release takes devices by CDI without being told to.
/// @see the release notes: docker 28.2, containerd 2.0; podman and cri-o always where they know CDI
[[nodiscard]] bool is_cdi_on_by_default(const CdiEngine& engine);

/// What to write where, so that the engine takes devices by CDI.
[[nodiscard]] std::string how_to_enable_cdi(const std::string& engine);

}  // namespace overdrive
