#pragma once

#include <optional>
#include <string>
#include <vector>

namespace overdrive {

/// A key in one of the kernel's keyrings that vouch for modules.
struct EnrolledKey {
    std::string keyring;      ///< `.builtin_trusted_keys`, `.secondary_trusted_keys`, `.machine`, `.platform`
    std::string description;  ///< `Debian Secure Boot CA: 6ccece7e...`, as /proc/keys shows it
    std::string id;           ///< subject key identifier at the end of the description, lower-case hex; may be empty
    friend bool operator==(const EnrolledKey&, const EnrolledKey&) = default;
};

/// What this kernel lets in. What cannot be read is nullopt: unknown, not allowed.
struct KernelPolicy {
    std::optional<bool> enforces_signatures;  ///< module.sig_enforce, or lockdown, which implies it
    std::optional<std::string> lockdown;      ///< `none`, `integrity`, `confidentiality`
    std::optional<bool> secure_boot;          ///< the firmware's SecureBoot variable; nullopt without EFI
    std::optional<bool> modules_disabled;     ///< /proc/sys/kernel/modules_disabled
    std::optional<std::vector<EnrolledKey>> keys;
};

}  // namespace overdrive
