#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace overdrive {

/// A CDI specification document as values: what a file in /etc/cdi or /run/cdi says. Members that a file leaves out are
/// empty here and are left out again when it is written.
/// @see the Container Device Interface specification 1.1.0, SPEC.md

/// A device node that a container gets.
struct CdiDeviceNode {
    std::string path;                  ///< in the container
    std::string host_path;             ///< on the host; empty: the same as `path`
    std::string type;                  ///< b, c, u or p; empty: whatever the host's node is
    std::int64_t major_number = 0;     ///< 0: whatever the host's node has
    std::int64_t minor_number = 0;     ///< read only with `major_number`
    std::optional<unsigned> mode;      ///< permission bits
    std::string permissions;           ///< of the device cgroup, some of `rwm`; empty: all of them
    std::optional<std::uint32_t> uid;  ///< owner in the container
    std::optional<std::uint32_t> gid;

    friend bool operator==(const CdiDeviceNode&, const CdiDeviceNode&) = default;
};

/// A network interface that moves into a container.
struct CdiNetDevice {
    std::string host_interface_name;
    std::string name;  ///< in the container

    friend bool operator==(const CdiNetDevice&, const CdiNetDevice&) = default;
};

struct CdiMount {
    std::string host_path;
    std::string container_path;
    std::vector<std::string> options;
    std::string type;

    friend bool operator==(const CdiMount&, const CdiMount&) = default;
};

/// An OCI hook: a program of the host that the runtime runs. Without `env` runc gives it the container's environment.
struct CdiHook {
    std::string hook_name;  ///< prestart, createRuntime, createContainer, startContainer, poststart or poststop
    std::string path;
    std::vector<std::string> args;  ///< with the program's own name first
    std::vector<std::string> env;
    std::optional<std::int64_t> timeout;  ///< seconds

    friend bool operator==(const CdiHook&, const CdiHook&) = default;
};

struct CdiIntelRdt {
    std::string clos_id;
    std::string l3_cache_schema;
    std::string mem_bw_schema;
    std::vector<std::string> schemata;
    bool enable_monitoring = false;
    bool enable_cmt = false;  ///< taken away again in 1.1.0
    bool enable_mbm = false;  ///< taken away again in 1.1.0

    friend bool operator==(const CdiIntelRdt&, const CdiIntelRdt&) = default;
};

/// What changes in a container's OCI configuration.
struct CdiEdits {
    std::vector<std::string> env;
    std::vector<CdiDeviceNode> device_nodes;
    std::vector<CdiNetDevice> net_devices;
    std::vector<CdiHook> hooks;
    std::vector<CdiMount> mounts;
    std::optional<CdiIntelRdt> intel_rdt;
    std::vector<std::uint32_t> additional_gids;

    [[nodiscard]] bool empty() const noexcept;
    /// Adds what `other` changes after what is there; its Intel RDT settings replace those that are there.
    void append(const CdiEdits& other);

    friend bool operator==(const CdiEdits&, const CdiEdits&) = default;
};

struct CdiDevice {
    std::string name;
    std::map<std::string, std::string> annotations;
    CdiEdits edits;

    friend bool operator==(const CdiDevice&, const CdiDevice&) = default;
};

struct CdiSpec {
    std::string version;  ///< cdiVersion
    std::string kind;     ///< `nvidia.com/gpu`
    std::map<std::string, std::string> annotations;
    std::vector<CdiDevice> devices;
    CdiEdits edits;  ///< for every container that gets at least one of the devices

    friend bool operator==(const CdiSpec&, const CdiSpec&) = default;
};

}  // namespace overdrive
