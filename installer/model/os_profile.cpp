#include "model/os_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::array kProfiles{
    OsProfile{"flatcar", OsKeyRule::version_id, ExposureRule::overlay, "/opt/bin", PendingSource::update_engine},
    OsProfile{"coreos", OsKeyRule::version_id, ExposureRule::overlay, "/opt/bin", PendingSource::update_engine},
    OsProfile{"fedora", OsKeyRule::ostree_version, ExposureRule::overlay_if_read_only, "/usr/local/bin",
              PendingSource::ostree},
    OsProfile{"opensuse-microos", OsKeyRule::version_and_kernel, ExposureRule::overlay_if_read_only, "/usr/local/bin",
              PendingSource::snapshot},
    OsProfile{"debian", OsKeyRule::version_and_kernel, ExposureRule::overlay_if_read_only, "/usr/local/bin",
              PendingSource::boot_kernel},
    OsProfile{"ubuntu", OsKeyRule::version_and_kernel, ExposureRule::overlay_if_read_only, "/usr/local/bin",
              PendingSource::boot_kernel},
};
constexpr OsProfile kUnknown{"", OsKeyRule::version_and_kernel, ExposureRule::overlay_if_read_only, "/usr/local/bin",
                             PendingSource::ostree};

bool is_letter_or_digit(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

std::string needed(const OsRelease& release, const std::string& field) {
    std::string value = release.field(field);
    if (value.empty()) {
        throw Error{Errc::bad_os_release,
                    fmt::format("os-release of '{}' has no {}, which its OS key is made of", release.id(), field)}
            .with_remedy("check /etc/os-release and /usr/lib/os-release on the host, see os-release(5)");
    }
    return value;
}

}  // namespace

std::string_view to_string(ExposureMode mode) noexcept { return mode == ExposureMode::overlay ? "overlay" : "links"; }

const OsProfile& profile_for(std::string_view os_id) noexcept {
    const auto* const found =
        std::find_if(kProfiles.begin(), kProfiles.end(), [&](const OsProfile& profile) { return profile.id == os_id; });
    return found == kProfiles.end() ? kUnknown : *found;
}

bool is_path_safe(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 200 && is_letter_or_digit(text.front()) &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter_or_digit(c) || std::string_view{"._+~-"}.find(c) != std::string_view::npos;
           });
}

std::string os_key(const OsProfile& profile, const OsRelease& release, std::string_view kernel_release) {
    std::string key;
    const std::string ostree_version = release.field("OSTREE_VERSION");
    if (profile.key_rule == OsKeyRule::version_id) {
        key = needed(release, "VERSION_ID");
    } else if (profile.key_rule == OsKeyRule::ostree_version && !ostree_version.empty()) {
        key = ostree_version;
    } else {
        key = fmt::format("{}-{}", needed(release, "VERSION_ID"), kernel_release);
    }
    if (!is_path_safe(key)) {
        throw Error{Errc::bad_os_release, fmt::format("the OS key '{}' of '{}' has characters that cannot be in a path",
                                                      key.substr(0, 200), release.id())};
    }
    return key;
}

}  // namespace overdrive
