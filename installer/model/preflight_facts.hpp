#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/kernel_policy.hpp"
#include "model/module_facts.hpp"

namespace overdrive {

/// A driver that somebody else installed on this host, or a trace of one.
struct ForeignDriver {
    std::string what;    ///< `the package nvidia-kernel-dkms 535.183.01-1`
    std::string remedy;  ///< how to take it away
    bool works_here;     ///< it has modules for the running kernel, or runs: not only a package that could make some
    friend bool operator==(const ForeignDriver&, const ForeignDriver&) = default;
};

/// A file of the generation whose SELinux label keeps others from reading it.
struct WrongLabel {
    std::string path;
    std::string label;  ///< empty: none
    friend bool operator==(const WrongLabel&, const WrongLabel&) = default;
};

/// A GPU in the driver's own list. A GPU that is not in it may work all the same: NVIDIA's list leaves some out.
struct SupportedGpu {
    unsigned device_id = 0;
    bool open = true;           ///< the open modules know it
    bool proprietary = true;    ///< the proprietary ones do
    std::string legacy_branch;  ///< the last branch that supports it, `470.xx`, where this driver does not; else empty
    friend bool operator==(const SupportedGpu&, const SupportedGpu&) = default;
};

/// What is looked at before anything is loaded. Everything may be unknown; what is unknown blocks nothing.
struct PreflightFacts {
    KernelPolicy policy;
    std::vector<ForeignDriver> foreign_drivers;
    std::optional<std::vector<ModuleFacts>> modules;     ///< those of driver.json that could be read
    std::optional<SignerKey> certificate;                ///< that came with the modules
    std::optional<SymbolVersions> shipped_symbols;       ///< of the kernel that the modules were built for
    SymbolVersions host_symbols;                         ///< what the running kernel's own modules were built against
    std::optional<std::string> host_vermagic;            ///< of the running kernel's own modules
    std::vector<SignerKey> host_signers;                 ///< of the same
    std::optional<std::string> loaded_srcversion;        ///< of the module nvidia in the kernel
    std::string firmware_directory;                      ///< where the kernel will look for the driver's firmware
    std::optional<std::set<std::string>> firmware;       ///< which of the files that the modules name are there
    bool noexec = false;                                 ///< the generation lies on a file system mounted so
    std::vector<WrongLabel> wrong_labels;                ///< only where SELinux enforces
    std::optional<std::vector<SupportedGpu>> supported;  ///< the list that came with the driver
};

}  // namespace overdrive
