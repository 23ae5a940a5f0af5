#pragma once

#include <string>
#include <string_view>

#include "model/os_release.hpp"

namespace overdrive {

/// How the driver's libraries become visible to the host's programs.
enum class ExposureMode { overlay, links };
[[nodiscard]] std::string_view to_string(ExposureMode mode) noexcept;

/// Which os-release fields make the OS key.
enum class OsKeyRule {
    version_id,         ///< VERSION_ID: the release fixes the kernel (Flatcar, CoreOS)
    ostree_version,     ///< OSTREE_VERSION, for derived images (no such field) VERSION_ID and the kernel release
    version_and_kernel  ///< VERSION_ID-kernel release
};

/// Where the host shows the driver's libraries and programs.
enum class ExposureRule {
    overlay,              ///< /usr is read-only by design
    overlay_if_read_only  ///< overlay where /usr is mounted read-only, links where it is writable
};

/// Who knows the OS release that the next boot will run.
enum class PendingSource {
    none,           ///< nobody that we know
    update_engine,  ///< update_engine over D-Bus (Flatcar)
    ostree,         ///< rpm-ostree or bootc; nobody where the host was not booted from ostree
    snapshot,       ///< the default snapshot, by snapper (MicroOS)
    boot_kernel     ///< the installed kernel that boots by default (Debian, Ubuntu)
};

/// What one operating system needs, as data.
struct OsProfile {
    std::string_view id;  ///< os-release ID; empty for the profile of unknown systems
    OsKeyRule key_rule;
    ExposureRule exposure;
    std::string_view
        program_directory;  ///< where programs are linked, on the host's PATH; @see choose_program_directory
    PendingSource pending;
};

/// The profile of an os-release ID; the generic one for an unknown ID. Never fails.
[[nodiscard]] const OsProfile& profile_for(std::string_view os_id) noexcept;

/// The OS key: what identifies the OS release whose kernel decides.
/// @throws Error bad_os_release when the field that the profile needs is missing or has characters that cannot be in a
/// path
[[nodiscard]] std::string os_key(const OsProfile& profile, const OsRelease& release, std::string_view kernel_release);

/// Whether `text` may be part of a path and a tag: 1 to 200 characters of A-Z a-z 0-9 . _ + ~ - that begin with a
/// letter or digit.
[[nodiscard]] bool is_path_safe(std::string_view text) noexcept;

}  // namespace overdrive
