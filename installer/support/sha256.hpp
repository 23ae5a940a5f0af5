#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "support/release_with.hpp"

namespace overdrive {

/// A running SHA-256.
class Sha256 {
public:
    Sha256();
    void update(std::string_view bytes);
    /// 64 lower-case hexadecimal digits of all bytes since construction or the last call; begins anew.
    [[nodiscard]] std::string finish();

private:
    std::unique_ptr<EVP_MD_CTX, ReleaseWith<EVP_MD_CTX_free>> context_;
};

/// SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace overdrive
