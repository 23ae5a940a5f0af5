// The functions without EVP: the same code runs, but OpenSSL reads no configuration and builds no tables of algorithms
// first, which takes longer than everything that `status` hashes.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "support/sha256.hpp"

#include <array>

namespace overdrive {

Sha256::Sha256() { SHA256_Init(&state_); }

void Sha256::update(std::string_view bytes) { SHA256_Update(&state_, bytes.data(), bytes.size()); }

std::string Sha256::finish() {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> raw{};
    SHA256_Final(raw.data(), &state_);
    SHA256_Init(&state_);
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * raw.size());
    for (const unsigned char byte : raw) {
        hex += kDigits[byte >> 4U];
        hex += kDigits[byte & 15U];
    }
    return hex;
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

}  // namespace overdrive
