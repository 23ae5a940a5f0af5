#pragma once

#include <string>
#include <vector>

#include "cdi/generate.hpp"
#include "process/boost_process_runner.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {

inline const std::string kDriverVersion = "999.88.77";

/// A host with a driver, in a temporary directory.
class HostTreeMaker {
public:
    /// Makes /proc, /sys and /dev with the driver's control nodes.
    HostTreeMaker();

    /// @param path  absolute, below the host's root
    void file(const std::string& path, const std::string& content = "x") const { tree_.write(path.substr(1), content); }
    void program(const std::string& path) const;
    void link(const std::string& path, const std::string& target) const;
    void socket(const std::string& path) const;
    void node(const std::string& path, unsigned major_number, unsigned minor_number, unsigned mode = 0666,
              unsigned group = 0) const;
    /// A GPU in /proc with its node. @param uuid  empty: as before the GPU was used for the first time
    void gpu(unsigned minor_number, const std::string& address, const std::string& uuid) const;
    /// A MIG instance in /proc with its capability nodes.
    void instance(unsigned gpu_minor, unsigned gi, unsigned ci, unsigned gi_cap, unsigned ci_cap);
    /// DRM nodes of a GPU, with their links by path.
    void drm(const std::string& address, unsigned card, unsigned render, unsigned group = 0) const;
    /// libcuda, libnvidia-ml and a few others of `kDriverVersion` in `directory`, with the links of a package.
    void compute_libraries(const std::string& directory) const;
    /// Replaces libnvidia-ml there by the stand-in that works, or by the one that knows no driver.
    void nvml(const std::string& directory, bool loaded) const;

    /// Options for a driver below `driver_root`, with a hook path that is the same everywhere.
    [[nodiscard]] static CdiGenerateOptions options(const std::string& driver_root);
    [[nodiscard]] CdiSpec generate(const CdiGenerateOptions& options);
    [[nodiscard]] const Root& root() const { return tree_.root(); }
    [[nodiscard]] const std::string& path() const { return tree_.path(); }

    std::vector<std::string> remarks;
    NvmlAsker ask_nvml;  ///< by the real helper

private:
    BoostProcessRunner processes_;
    TemporaryRoot tree_;
    std::string mig_minors_ = "config 1\nmonitor 2\n";
};

/// A generation of overdrive with a compute-only driver, below /opt.
inline const std::string kGeneration = "/opt/nvidia/999.88.77-open/4081.2.1";
void make_generation(const HostTreeMaker& host);

}  // namespace overdrive
