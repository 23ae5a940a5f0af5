#include "support/sha256.hpp"

#include <array>
#include <new>
#include <stdexcept>

namespace overdrive {

namespace {

void begin(EVP_MD_CTX* context) {
    if (EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1) throw std::runtime_error{"OpenSSL has no SHA-256"};
}

}  // namespace

Sha256::Sha256() : context_{EVP_MD_CTX_new()} {
    if (!context_) throw std::bad_alloc{};
    begin(context_.get());
}

void Sha256::update(std::string_view bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) {
        throw std::runtime_error{"OpenSSL: SHA-256 failed"};
    }
}

std::string Sha256::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), raw.data(), &size) != 1) {
        throw std::runtime_error{"OpenSSL: SHA-256 failed"};
    }
    begin(context_.get());
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * static_cast<std::size_t>(size));
    for (unsigned i = 0; i < size; ++i) {
        hex += kDigits[raw.at(i) >> 4U];
        hex += kDigits[raw.at(i) & 15U];
    }
    return hex;
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

}  // namespace overdrive
