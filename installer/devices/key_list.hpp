#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// One line of /proc/keys.
struct ListedKey {
    std::int32_t serial = 0;  ///< by which keyctl(2) knows it
    std::string type;         ///< `keyring`, `asymmetri` (cut by the kernel)
    std::string description;  ///< without what the type adds: `.builtin_trusted_keys`, `Debian Secure Boot CA: 6cce...`
    std::string key_id;       ///< of a certificate: the hex at the end of its description; else empty
};

/// /proc/keys; lines that do not fit are skipped. @see keys(7), proc(5)
[[nodiscard]] std::vector<ListedKey> parse_key_list(std::string_view text);

}  // namespace overdrive
