#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "overlay/mount_syscalls.hpp"
#include "overlay/mount_table.hpp"

namespace overdrive {

/// Which file system our overlay was laid over. Our mount may be carried along over another one (a systemd-sysext
/// refresh does that) and still show the old: only the identity tells.
struct BaseIdentity {
    int mount_id = 0;             ///< of the mount directly beneath ours
    std::uint64_t unique_id = 0;  ///< of the same, where the kernel tells it
    dev_t device = 0;

    friend bool operator==(const BaseIdentity&, const BaseIdentity&) = default;
};

/// Our read-only overlay at one place of the host.
///
/// It is always prepared in a private mount namespace, in which an older one of ours has been taken away: so its base
/// is what the host has there, our own mount is never one of its layers, and the stacking depth stays constant.
class OverlayMount {
public:
    /// How a new mount takes the place of an old one.
    enum class Swap {
        beneath,           ///< beneath the old one, which is then taken off: no gap (Linux 6.5); else as below
        detach_and_attach  ///< a gap of microseconds in which the host's own directory is seen
    };

    /// @param target absolute path without links, of a directory
    explicit OverlayMount(std::string target, Swap swap = Swap::beneath) : target_{std::move(target)}, swap_{swap} {}

    /// What is visible at the target; nullopt when it is not ours.
    struct Ours {
        MountIdentity mount;
        BaseIdentity base;
        bool stacked = false;  ///< another one of ours lies directly beneath: an interrupted swap
    };
    [[nodiscard]] std::optional<Ours> visible() const;

    /// Whether one of ours is at the target, be it covered by another mount.
    [[nodiscard]] bool is_there() const;

    /// Lays `added` over the target in place of whatever of ours is there; mounts below the target stay where they are.
    /// On return exactly one overlay of ours is at the target and it is what is seen.
    /// @throws Error exposure; the old state is still in force then
    Ours replace(const std::string& added);

    /// Takes our overlays off the target. @return whether there was one
    /// @throws Error exposure when another mount covers it
    bool remove();

    /// Names in the host's own directory, sorted, without what we laid over it.
    [[nodiscard]] std::vector<std::string> base_names() const;

private:
    [[nodiscard]] std::vector<const MountEntry*> stack(const MountTable& table) const;
    void refuse_if_covered(const MountTable& table) const;
    void leave_one_of_ours();
    [[nodiscard]] UniqueFd prepare(const std::string& added) const;
    void detach_old();
    void put_in_place(const UniqueFd& tree);

    std::string target_;
    Swap swap_;
};

}  // namespace overdrive
