#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/digest.hpp"
#include "model/pair.hpp"

namespace overdrive {

/// The layers of an artifact, by their annotation `org.overdrive.layer`.
enum class LayerRole { program, user_space, modules };
/// `program`, `user-space`, `modules`
[[nodiscard]] std::string_view to_string(LayerRole role) noexcept;
[[nodiscard]] std::optional<LayerRole> parse_layer_role(std::string_view text) noexcept;

/// One kernel module of the driver, in load order.
struct ModuleSpec {
    std::string name;     ///< as modprobe names it: `nvidia-uvm`
    std::string path;     ///< in the generation: `lib/modules/<kernel release>/nvidia-uvm.ko`
    std::string version;  ///< what modinfo says
    std::vector<std::string> depends;
    std::map<std::string, std::string> parameters;
    bool required = true;  ///< a failure to load it fails the activation
    bool autoload = true;  ///< false: present, but loaded only when asked for (nvidia-peermem)
};

/// A device node that nobody makes on loading.
struct DeviceNodeSpec {
    std::string path;    ///< below /dev
    std::string device;  ///< the entry of /proc/devices that gives the major number
    unsigned minor = 0;
    unsigned mode = 0666;
};

/// A daemon that comes with the driver.
struct DaemonSpec {
    std::string name;
    std::string program;       ///< in the generation
    std::string version;       ///< its own; not always the driver's
    std::string library_path;  ///< in the generation, for LD_LIBRARY_PATH; empty when it needs none
};

/// One file or link of the two driver layers.
struct FileSpec {
    std::string path;  ///< relative to the generation; no `..`, no leading slash
    LayerRole layer = LayerRole::user_space;
    unsigned mode = 0644;     ///< permission bits of a file
    std::uint64_t size = 0;   ///< bytes of a file
    std::string sha256;       ///< lower-case hex of a file's content; empty for a link
    std::string link_target;  ///< relative target of a link; empty for a file
    /// Lower-case hex of the fs-verity digest of the same content: what a kernel that guards the file measures. Empty
    /// for a file that is not worth it, and in what a program wrote that knew of none.
    std::string verity{};
    [[nodiscard]] bool is_link() const noexcept { return !link_target.empty(); }
};

/// driver.json: what an artifact holds and what its modules were built for.
///
/// Every value has been checked by `parse`: paths stay inside, names follow their grammar, sizes are not negative.
struct DriverManifest {
    static constexpr int kSchema = 1;

    DriverId driver;
    std::string driver_version;
    std::string module_type;  ///< `open`, `proprietary` or `stand-in`
    std::string os_id;
    std::string os_version_id;
    std::string os_key;
    std::string architecture;  ///< as `uname -m`
    std::string kernel_release;
    std::string vermagic;
    std::optional<std::string> build_id;
    std::optional<std::string> config_sha256;
    std::string flavour;
    std::optional<std::string> signer;
    std::vector<ModuleSpec> modules;
    std::vector<std::string> prerequisites;
    std::vector<std::string> firmware;  ///< relative to lib/firmware
    std::vector<DeviceNodeSpec> device_nodes;
    std::vector<DaemonSpec> daemons;
    std::vector<std::string> programs;   ///< names in bin/
    std::vector<std::string> libraries;  ///< names in lib64/ that may be exposed
    std::uint64_t size_bytes = 0;
    std::uint64_t inodes = 0;
    std::optional<Digest> user_space_layer;
    /// The program that the artifact carries: what vouches for driver.json vouches for it.
    std::optional<std::string> program_version{};
    std::optional<Digest> program_layer{};
    std::vector<FileSpec> files;  ///< sorted by path

    [[nodiscard]] Pair pair() const { return {driver, os_key}; }

    /// @throws Error bad_manifest naming the field; bad_manifest when `min_reader` is newer than this program
    [[nodiscard]] static DriverManifest parse(std::string_view json);
    /// Two-space indented JSON ending in a newline; the same value gives the same bytes.
    [[nodiscard]] std::string to_json() const;
};

/// Whether `path` is a plain relative path: no empty, `.` or `..` part, no control characters, at most 4096 bytes and
/// 64 parts.
[[nodiscard]] bool is_plain_relative_path(std::string_view path) noexcept;

}  // namespace overdrive
