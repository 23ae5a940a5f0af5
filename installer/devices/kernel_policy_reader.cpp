#include "devices/kernel_policy_reader.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace overdrive {

namespace {

constexpr const char* kSignatureParameter = "/sys/module/module/parameters/sig_enforce";
constexpr const char* kLockdown = "/sys/kernel/security/lockdown";
constexpr const char* kSecurityModules = "/sys/kernel/security/lsm";
constexpr const char* kModulesDisabled = "/proc/sys/kernel/modules_disabled";
constexpr const char* kSecureBoot = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr const char* kKeys = "/proc/keys";
/// The keyrings that vouch for modules. @see Documentation/admin-guide/module-signing.rst; some distributions let
/// .platform vouch as well.
constexpr std::array<std::string_view, 4> kKeyrings{".builtin_trusted_keys", ".secondary_trusted_keys", ".machine",
                                                    ".platform"};

/// The content of a small file; nullopt where it cannot be read, whyever.
std::optional<std::string> content(const Root& root, const char* path) {
    try {
        return root.read_file(path, 1U << 20U);
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::optional<bool> flag(const std::optional<std::string>& text) {
    if (!text || text->empty()) return std::nullopt;
    return text->front() == 'Y' || text->front() == '1';
}

std::optional<std::string> lockdown_of(const Root& root) {
    if (const auto text = content(root, kLockdown)) return chosen_in_brackets(*text);
    const auto modules = content(root, kSecurityModules);
    if (modules && modules->find("lockdown") == std::string::npos) return "none";
    return std::nullopt;
}

std::optional<bool> enforcement(const Root& root, const std::optional<std::string>& lockdown) {
    const auto forced = flag(content(root, kSignatureParameter));
    if (forced.value_or(false) || (lockdown && *lockdown != "none")) return true;
    // A kernel that cannot check signatures has no such parameter.
    const bool known = forced || root.exists("/sys/module");
    return known && lockdown ? std::optional{false} : std::nullopt;
}

std::optional<bool> secure_boot_of(const Root& root) {
    constexpr std::size_t kAttributes = 4;  // before the value of every EFI variable
    const auto variable = content(root, kSecureBoot);
    if (!variable || variable->size() <= kAttributes) return std::nullopt;
    return (*variable)[kAttributes] == 1;
}

std::optional<std::vector<EnrolledKey>> enrolled_keys(const Root& root, const ReadKeyring& read) {
    const auto text = content(root, kKeys);
    if (!text) return std::nullopt;
    const std::vector<ListedKey> listed = parse_key_list(*text);
    std::vector<EnrolledKey> keys;
    bool found = false;
    for (const ListedKey& keyring : listed) {
        const bool vouches = std::find(kKeyrings.begin(), kKeyrings.end(), keyring.description) != kKeyrings.end();
        if (keyring.type != "keyring" || !vouches) continue;
        const auto members = read(keyring.serial);
        if (!members) return std::nullopt;  // half of the keys would prove nothing
        found = true;
        for (const ListedKey& key : listed) {
            const bool is_member = std::find(members->begin(), members->end(), key.serial) != members->end();
            if (is_member && key.type != "keyring") keys.push_back({keyring.description, key.description, key.key_id});
        }
    }
    if (!found) return std::nullopt;
    return keys;
}

}  // namespace

std::optional<std::vector<std::int32_t>> read_keyring(std::int32_t keyring) {
    constexpr int kRead = 11;  // KEYCTL_READ
    std::vector<std::int32_t> members(1024);
    const long bytes = syscall(SYS_keyctl, kRead, keyring, members.data(), members.size() * sizeof members.front());
    if (bytes < 0 || static_cast<std::size_t>(bytes) > members.size() * sizeof members.front()) return std::nullopt;
    members.resize(static_cast<std::size_t>(bytes) / sizeof members.front());
    return members;
}

std::optional<std::string> chosen_in_brackets(std::string_view text) {
    const std::size_t open = text.find('[');
    const std::size_t close = text.find(']', std::min(open, text.size()));
    if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
    return std::string{text.substr(open + 1, close - open - 1)};
}

KernelPolicy read_kernel_policy(const Root& root, const ReadKeyring& read) {
    KernelPolicy policy;
    policy.lockdown = lockdown_of(root);
    policy.enforces_signatures = enforcement(root, policy.lockdown);
    policy.secure_boot = secure_boot_of(root);
    policy.modules_disabled = flag(content(root, kModulesDisabled));
    policy.keys = enrolled_keys(root, read);
    return policy;
}

}  // namespace overdrive
