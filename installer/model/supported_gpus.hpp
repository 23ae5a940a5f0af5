#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/preflight_facts.hpp"

namespace overdrive {

/// Where an artifact keeps its driver's list of GPUs, in the generation. One line a device, sorted: the PCI device id
/// and the kinds of modules that know it, `0x1eb0 open proprietary`, or the last branch that does, `0x1180
/// legacy:470.xx`. Made from NVIDIA's supported-gpus.json.
inline constexpr std::string_view kSupportedGpusFile = "usr/share/nvidia/supported-gpus";

/// Blank lines and lines that begin with `#` are skipped. @throws Error bad_manifest naming the line
[[nodiscard]] std::vector<SupportedGpu> parse_supported_gpus(std::string_view text);

}  // namespace overdrive
