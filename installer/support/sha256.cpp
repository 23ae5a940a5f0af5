// The functions without EVP: the same code runs, but OpenSSL reads no configuration and builds no tables of algorithms
// first, which takes longer than everything that `status` hashes.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "support/sha256.hpp"

#include "support/hex.hpp"

namespace overdrive {

Sha256::Sha256() { SHA256_Init(&state_); }

void Sha256::update(std::string_view bytes) { SHA256_Update(&state_, bytes.data(), bytes.size()); }

std::string Sha256::finish() { return hex_digits(finish_raw()); }

std::array<unsigned char, SHA256_DIGEST_LENGTH> Sha256::finish_raw() {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> raw{};
    SHA256_Final(raw.data(), &state_);
    SHA256_Init(&state_);
    return raw;
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

}  // namespace overdrive
