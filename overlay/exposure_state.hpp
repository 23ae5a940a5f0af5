#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "overlay/overlay_mount.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What was laid over the host and over which base: `/run/overdrive/exposure.json`, gone with the boot as the mount is.
struct MountedExposure {
    static constexpr const char* kPath = "/run/overdrive/exposure.json";
    static constexpr int kSchema = 1;

    std::string generation;
    std::string target;  ///< as this process named it when it was mounted
    std::vector<std::string> libraries;
    MountIdentity mount;
    BaseIdentity base;

    /// nullopt when there is none, or one that this program cannot read: then the mount is made anew.
    [[nodiscard]] static std::optional<MountedExposure> load(const Root& root);
    void save(const Root& root) const;
    static void forget(const Root& root);
};

/// What stays over a reboot besides the links themselves: `/opt/nvidia/.overdrive/exposure.json`.
struct LastingExposure {
    static constexpr const char* kPath = "/opt/nvidia/.overdrive/exposure.json";
    static constexpr int kSchema = 1;

    std::string generation;         ///< whose libraries the linker cache lists; empty when it was not rewritten by us
    std::string library_directory;  ///< the directory that the linker cache lists for it
    std::string cache_identity;     ///< of /etc/ld.so.cache right after we had it rewritten
    std::vector<std::string> made_directories;  ///< for links to programs; removed again when empty
    std::string loader;            ///< LinkerCache::loader_identity() when it was asked; empty when it was not
    std::string asked_of;          ///< the directory that it was asked about, as this process named it
    bool loader_searches = false;  ///< what it said: it searches that without being told to

    /// An empty one when there is none, or one that this program cannot read.
    [[nodiscard]] static LastingExposure load(const Root& root);
    void save(const Root& root) const;
    static void forget(const Root& root);
};

}  // namespace overdrive
