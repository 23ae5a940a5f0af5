#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "model/digest.hpp"
#include "support/release_with.hpp"

namespace overdrive {

/// Hashes what is given to it in pieces.
class Sha256 {
public:
    Sha256();
    void update(std::string_view bytes);
    /// The digest of all bytes given; the object is spent.
    [[nodiscard]] Digest finish();

private:
    std::unique_ptr<EVP_MD_CTX, ReleaseWith<EVP_MD_CTX_free>> context_;
};

[[nodiscard]] Digest sha256_of(std::string_view bytes);

}  // namespace overdrive
