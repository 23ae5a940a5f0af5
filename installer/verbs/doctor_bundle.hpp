#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/diagnosis.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What doctor found already, so that the bundle says the same.
struct BundleFindings {
    nlohmann::ordered_json doctor;
    std::vector<std::string> kernel_log;
};

/// Collects what a maintainer needs to understand this host into a gzip-compressed tar that only its owner can read.
///
/// In it: what doctor, status, history and list say; record, journal and configuration; our units and the drop-ins of
/// them; what the kernel says of modules, mounts, devices and GPUs. Not in it: environments and command lines of
/// processes, logins, the kernel's command line but for the driver's parameters. Every text is masked besides.
/// @see secret_mask.hpp
/// @param path of our own tree; @throws Error usage when it is there already and not forced; io, no_space
void write_bundle(Services& services, const BundleFindings& findings, const std::string& path, bool force);

/// @throws Error usage: the place is taken, or is no file's
void require_bundle_place(const std::string& path, bool force);

/// `[{"pid": 1, "program": "python3", "unit": "", "container": "podman 0123456789ab", "pod": ""}]`: no command lines.
[[nodiscard]] nlohmann::ordered_json holders_json(const Symptoms& seen);

}  // namespace overdrive
