#pragma once

#include <optional>
#include <string>

#include "model/os_release.hpp"

namespace overdrive {

/// The OS release that the next boot will run, where it is not the running one.
struct PendingOs {
    std::string source;                   ///< who says so: `update_engine`, `rpm-ostree`, `bootc`, `boot`, `snapper`
    std::string version;                  ///< as that source writes it, for people: `4081.3.0`
    std::optional<OsRelease> os_release;  ///< of the pending tree, where it can be read
    std::optional<std::string> kernel_release;  ///< of the pending kernel, where it is known
    std::string os_key;                         ///< by the OS profile; empty where what it needs is not known
};

}  // namespace overdrive
