#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/preflight_facts.hpp"

namespace overdrive {

/// Where an artifact keeps the list of the GPUs that its driver supports, in the generation. One line a device,
/// `0x1eb8 open proprietary`: the PCI device id and the kinds of modules that know it, sorted.
inline constexpr std::string_view kSupportedGpusFile = "usr/share/nvidia/supported-gpus";

/// Blank lines and lines that begin with `#` are skipped. @throws Error bad_manifest naming the line
[[nodiscard]] std::vector<SupportedGpu> parse_supported_gpus(std::string_view text);

}  // namespace overdrive
