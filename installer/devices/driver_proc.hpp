#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/driver_manifest.hpp"
#include "support/root.hpp"

namespace overdrive {

/// A device node as it must be.
struct WantedNode {
    std::string path;  ///< below /dev
    unsigned major_number = 0;
    unsigned minor_number = 0;
    unsigned mode = 0666;

    friend bool operator==(const WantedNode&, const WantedNode&) = default;
};

/// What the loaded driver says about its devices under /proc.
class DriverProc {
public:
    explicit DriverProc(const Root& root) : root_{root} {}

    /// The nodes of `specs` whose device has a major number, `nvidia<N>` for every GPU, and the capability nodes;
    /// sorted by path.
    [[nodiscard]] std::vector<WantedNode> wanted_nodes(const std::vector<DeviceNodeSpec>& specs) const;

private:
    void add_gpus(std::vector<WantedNode>& nodes, const std::map<std::string, unsigned>& majors) const;
    void add_capabilities(std::vector<WantedNode>& nodes, const std::string& directory, unsigned major_number,
                          int depth) const;

    const Root& root_;
};

}  // namespace overdrive
