#include "builder-images/artifact/sha256.hpp"

#include <fmt/format.h>

#include <array>
#include <new>

namespace overdrive {

Sha256::Sha256() : context_{EVP_MD_CTX_new()} {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc{};
}

void Sha256::update(std::string_view bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) throw std::bad_alloc{};
}

Digest Sha256::finish() {
    std::array<unsigned char, 32> raw{};
    if (EVP_DigestFinal_ex(context_.get(), raw.data(), nullptr) != 1) throw std::bad_alloc{};
    std::string hex;
    for (const unsigned char byte : raw) hex += fmt::format("{:02x}", byte);
    return Digest::from_hex(hex);
}

Digest sha256_of(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

}  // namespace overdrive
