#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/root.hpp"

namespace overdrive {

/// A directory of the host that is looked at as if it were a root: the driver root, or the root that has the devices.
///
/// Paths inside begin with a slash and are what containers see. Links are resolved inside: nothing outside is found.
class DriverTree {
public:
    /// Links in `place` itself are resolved now: what the tree gives names the directory, never a link such as
    /// `/opt/nvidia/current` that may lead elsewhere tomorrow.
    /// @param host   the host's root
    /// @param place  absolute path of a directory there; `/` for the host itself
    /// @throws Error bad_root: it is no directory
    DriverTree(const Root& host, const std::string& place);

    /// The real directory on the host, without a slash at its end unless it is `/`.
    [[nodiscard]] const std::string& place() const noexcept { return place_; }
    [[nodiscard]] const Root& files() const noexcept { return files_; }

    /// The paths inside that match `pattern`, sorted; wildcards (`*`, `?`, `[...]`) may stand in every part.
    [[nodiscard]] std::vector<std::string> matches(std::string_view pattern) const;
    /// Where a path inside ends up when all links are followed; nullopt when nothing is there.
    [[nodiscard]] std::optional<std::string> real_path(std::string_view inside) const;
    /// The path on the host of a path inside, its links followed: what can be mounted. nullopt when nothing is there.
    [[nodiscard]] std::optional<std::string> host_path(std::string_view inside) const;
    /// The same without looking: `/dev/nvidia0` -> `<place>/dev/nvidia0`.
    [[nodiscard]] std::string on_host(std::string_view inside) const;
    /// For the dynamic loader of this process: a path that this process can open.
    [[nodiscard]] std::string own_path(std::string_view inside) const;

private:
    UniqueFd directory_;
    Root files_;
    std::string own_place_;  ///< of the directory as this process sees it
    std::string place_;
};

}  // namespace overdrive
