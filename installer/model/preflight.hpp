#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/driver_manifest.hpp"
#include "model/finding.hpp"
#include "model/host_facts.hpp"
#include "model/preflight_facts.hpp"

namespace overdrive {

/// Which driver is to be loaded, and where.
struct PreflightQuestion {
    const HostFacts& host;
    const DriverManifest& manifest;
    const std::map<std::string, std::map<std::string, std::string>>& parameters;  ///< of the configuration, by module
    std::vector<std::string> own_versions;  ///< of the drivers that are installed here by us
    bool at_boot = false;                   ///< nobody is there to answer: what may go well is tried
};

/// What is wrong, or worth knowing, before the driver of the question is loaded; the most important first. Pure.
[[nodiscard]] std::vector<Finding> judge_preflight(const PreflightQuestion& question, const PreflightFacts& facts);

/// The parts of it, each about one thing.
void judge_foreign_drivers(const HostFacts& host, const std::vector<std::string>& own_versions, bool at_boot,
                           const PreflightFacts& facts, std::vector<Finding>& findings);
void judge_policy(const KernelPolicy& policy, std::vector<Finding>& findings);
void judge_rivals(const HostFacts& host, std::vector<Finding>& findings);
void judge_gpus(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings);
void judge_vermagic(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings);
void judge_symbols(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings);
void judge_signatures(const PreflightFacts& facts, std::vector<Finding>& findings);
void judge_parameters(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings);
void judge_firmware(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings);

/// Whether a parameter of this type takes the value, as the kernel parses it. Unknown types take everything.
[[nodiscard]] bool takes(std::string_view type, std::string_view value);

}  // namespace overdrive
