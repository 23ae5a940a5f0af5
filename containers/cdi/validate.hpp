#pragma once

#include <string>
#include <vector>

#include "cdi/spec.hpp"

namespace overdrive {

/// Everything for which an engine refuses the specification, a sentence each; empty when it is valid: version, names,
/// environment, nodes, hooks, mounts, interfaces, devices without edits or with a name twice.
/// @see SPEC.md of CDI; pkg/cdi of container-device-interface 1.1.0
[[nodiscard]] std::vector<std::string> faults_of(const CdiSpec& spec);
/// The same for edits alone. @param where  for messages: "device '0'"
[[nodiscard]] std::vector<std::string> faults_of(const CdiEdits& edits, const std::string& where);

/// What is valid and yet unwise: a hook without environment (CVE-2025-23266: runc then gives it the image's own, with
/// its LD_PRELOAD), names of one letter (Podman 4.3.1 crashes on them), members that newer engines have dropped.
[[nodiscard]] std::vector<std::string> remarks_on(const CdiSpec& spec);

}  // namespace overdrive
