#pragma once

#include <openssl/sha.h>

#include <array>
#include <string>
#include <string_view>

namespace overdrive {

/// A running SHA-256.
class Sha256 {
public:
    Sha256();
    void update(std::string_view bytes);
    /// 64 lower-case hexadecimal digits of all bytes since construction or the last call; begins anew.
    [[nodiscard]] std::string finish();
    /// The same as `finish`, not as text.
    [[nodiscard]] std::array<unsigned char, SHA256_DIGEST_LENGTH> finish_raw();

private:
    SHA256_CTX state_{};
};

/// SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace overdrive
