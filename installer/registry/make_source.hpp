#pragma once

#include <memory>
#include <string_view>

#include "ports/artifact_source.hpp"
#include "registry/registry_places.hpp"

namespace overdrive {

/// The source that a configured name stands for. Nothing is contacted or opened yet; for a registry the host's files
/// about registries are read.
/// @param name  `docker://HOST/REPOSITORY`, `oci:DIRECTORY`, `oci-archive:FILE`; `{os_id}` in it is filled in
/// @param access how registries are reached; must outlive the source
/// @param os_id os-release ID of the host
/// @throws Error bad_reference; config: see RegistryAccess::endpoints
[[nodiscard]] std::unique_ptr<ArtifactSource> make_source(std::string_view name, RegistryAccess& access,
                                                          std::string_view os_id);

}  // namespace overdrive
