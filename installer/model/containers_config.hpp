#pragma once

#include <string>

namespace overdrive {

/// What an activation does about the CDI specification, by which container engines give the driver to containers.
enum class CdiPolicy {
    off,     ///< none is written, and ours is taken away
    warn,    ///< one that cannot be made is a warning: the host has its driver all the same
    require  ///< then the activation fails
};

/// What happens where somebody else makes specifications of the same devices: nvidia-cdi-refresh.service of the
/// vendor's toolkit, or a file that gives them.
enum class OtherGenerators {
    mask,   ///< its units are masked, its file in our folder is put aside; both restored on uninstall
    defer,  ///< the work is left to it, and ours is taken away
    warn    ///< both write
};

/// `[containers]`: what containers are told of the driver.
struct ContainersConfig {
    CdiPolicy cdi = CdiPolicy::warn;          ///< `cdi = "off" | "warn" | "require"`
    std::string spec_directory = "/run/cdi";  ///< `spec-directory = "/run/cdi"`: engines read this and /etc/cdi
    std::string cdi_version = "0.5.0";        ///< `cdi-version = "0.5.0"`: the newest that may come out
    OtherGenerators other_generators = OtherGenerators::mask;  ///< `other-generators = "mask" | "defer" | "warn"`
    /// `sockets = true`: also those of daemons that run when it is made (MPS, nvidia-persistenced, fabric manager). No
    /// container starts by a specification that names a socket of a daemon that was stopped since.
    bool sockets = false;
};

}  // namespace overdrive
