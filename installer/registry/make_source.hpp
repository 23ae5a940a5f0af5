#pragma once

#include <memory>
#include <string_view>

#include "model/config.hpp"
#include "ports/artifact_source.hpp"
#include "ports/http_transport.hpp"

namespace overdrive {

/// The source that a configured name stands for. Nothing is contacted or opened yet.
/// @param name  `docker://HOST/REPOSITORY`, `oci:DIRECTORY`, `oci-archive:FILE`; `{os_id}` in it is filled in
/// @param os_id os-release ID of the host
/// @param transport must outlive the source
/// @throws Error bad_reference
[[nodiscard]] std::unique_ptr<ArtifactSource> make_source(std::string_view name, HttpTransport& transport,
                                                          const Config& config, std::string_view os_id);

}  // namespace overdrive
