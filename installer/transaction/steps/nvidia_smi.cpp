#include "transaction/steps/nvidia_smi.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace overdrive {

std::optional<std::string> ask_nvidia_smi(ProcessRunner& processes, const DriverManifest& manifest,
                                          const std::string& generation) {
    const auto& programs = manifest.programs;
    if (std::find(programs.begin(), programs.end(), "nvidia-smi") == programs.end()) return std::nullopt;
    const ProcessResult result = processes.run({.arguments = {generation + "/bin/nvidia-smi", "-L"},
                                                .environment = {{"LD_LIBRARY_PATH", generation + "/lib64"}},
                                                .timeout = std::chrono::seconds{60}});
    if (result.timed_out) return "nvidia-smi gave no answer in 60 s";
    if (result.exit_code == 0) return std::nullopt;
    const std::string first_line = result.output.substr(0, result.output.find('\n'));
    return fmt::format("nvidia-smi ended with {}: {}", result.exit_code, first_line);
}

}  // namespace overdrive
