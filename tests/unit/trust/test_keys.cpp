#include "unit/trust/test_keys.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <stdexcept>

#include "support/release_with.hpp"

namespace overdrive {

namespace {

using Key = std::unique_ptr<EVP_PKEY, ReleaseWith<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, ReleaseWith<BIO_free>>;

std::string text_of(BIO* bio) {
    char* bytes = nullptr;
    const auto length = BIO_get_mem_data(bio, &bytes);
    return {bytes, static_cast<std::size_t>(length)};
}

Key generate(const std::string& type) {
    if (type == "RSA") return Key{EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})};
    if (type == "ED25519") return Key{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
    return Key{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", type.c_str())};
}

}  // namespace

TestKey make_test_key(const std::string& type) {
    const Key key = generate(type);
    if (!key) throw std::runtime_error{"cannot make a key of type " + type};
    const Bio private_bio{BIO_new(BIO_s_mem())};
    const Bio public_bio{BIO_new(BIO_s_mem())};
    PEM_write_bio_PrivateKey(private_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    PEM_write_bio_PUBKEY(public_bio.get(), key.get());
    return {text_of(private_bio.get()), text_of(public_bio.get())};
}

}  // namespace overdrive
