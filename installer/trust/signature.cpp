#include "trust/signature.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <cstring>
#include <optional>

#include "support/base64.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

using Bio = std::unique_ptr<BIO, ReleaseWith<BIO_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, ReleaseWith<EVP_MD_CTX_free>>;

constexpr std::size_t kMostPem = 64U << 10U;
/// An ECDSA P-256 signature in DER has at most 72 bytes, an Ed25519 one 64; the base64 of either is shorter than this.
constexpr std::size_t kMostBase64 = 256;
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kSpace = " \t\r\n";

const unsigned char* unsigned_bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());  // the C API's byte type
}

[[noreturn]] void refuse_key(std::string_view name, std::string_view what) {
    // OpenSSL keeps a queue of what went wrong; nobody else is to find it there.
    ERR_clear_error();
    throw Error{Errc::config, fmt::format("key '{}' {}", name, what)};
}

/// `PUBLIC KEY` of `-----BEGIN PUBLIC KEY-----`, when the text has exactly one block.
std::string pem_label(std::string_view pem, std::string_view name) {
    if (pem.size() > kMostPem) refuse_key(name, "is too large to be a PEM file");
    const std::size_t begin = pem.find(kBegin);
    if (begin == std::string_view::npos) refuse_key(name, "is not PEM: it has no '-----BEGIN ...' line");
    const std::size_t label = begin + kBegin.size();
    const std::size_t end = pem.find("-----", label);
    if (end == std::string_view::npos) refuse_key(name, "is not PEM: its first line is not closed");
    if (pem.find(kBegin, end) != std::string_view::npos)
        refuse_key(name, "has more than one PEM block; give each key its own file");
    return std::string{pem.substr(label, end - label)};
}

Bio memory(std::string_view pem) {
    Bio bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    if (!bio) throw std::bad_alloc{};
    return bio;
}

/// No key here has a passphrase; asking for one on a terminal would hang a node.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return 0; }

KeyType type_of(const EVP_PKEY* key, std::string_view name) {
    constexpr std::string_view kAllowed = "only ECDSA P-256 and Ed25519 keys are accepted";
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_ED25519:
            return KeyType::ed25519;
        case EVP_PKEY_EC: {
            std::array<char, 64> group{};
            std::size_t length = 0;
            if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1) group[0] = '\0';
            if (std::string_view{group.data()} == "prime256v1") return KeyType::ecdsa_p256;
            refuse_key(name, fmt::format("is an ECDSA key on the curve '{}'; {}", group.data(), kAllowed));
        }
        default:
            break;
    }
    const char* type = EVP_PKEY_get0_type_name(key);
    refuse_key(name, fmt::format("is of type {}; {}", type == nullptr ? "unknown" : type, kAllowed));
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// A signature on one line of base64, white space around it; nullopt for everything else.
std::optional<std::string> decode_signature(std::string_view text) {
    text = trimmed(text);
    return text.empty() || text.size() > kMostBase64 ? std::nullopt : decode_base64(text);
}

DigestContext new_context() {
    DigestContext context{EVP_MD_CTX_new()};
    if (!context) throw std::bad_alloc{};
    return context;
}

/// Ed25519 hashes the message itself.
const EVP_MD* hash_for(KeyType type) { return type == KeyType::ecdsa_p256 ? EVP_sha256() : nullptr; }

[[noreturn]] void fail(std::string_view what) {
    ERR_clear_error();
    throw Error{Errc::unsupported, fmt::format("OpenSSL cannot {}", what)};
}

}  // namespace

PublicKey PublicKey::parse(std::string_view pem, std::string_view name) {
    const std::string label = pem_label(pem, name);
    if (label.find("PRIVATE KEY") != std::string::npos)
        refuse_key(name,
                   fmt::format("is a private key ('{}'); give the public one, and keep this one off nodes", label));
    if (label != "PUBLIC KEY") refuse_key(name, fmt::format("is a '{}', not a 'PUBLIC KEY'", label));
    OpensslKey key{PEM_read_bio_PUBKEY(memory(pem).get(), nullptr, no_passphrase, nullptr)};
    if (!key) refuse_key(name, "is damaged: OpenSSL cannot read the public key in it");
    const KeyType type = type_of(key.get(), name);
    return {std::move(key), type};
}

bool PublicKey::verifies(std::string_view bytes, std::string_view base64_signature) const {
    const auto signature = decode_signature(base64_signature);
    if (!signature) return false;
    const DigestContext context = new_context();
    if (EVP_DigestVerifyInit(context.get(), nullptr, hash_for(type_), nullptr, key_.get()) != 1)
        fail("check a signature with this key");
    const int answer = EVP_DigestVerify(context.get(), unsigned_bytes(*signature), signature->size(),
                                        unsigned_bytes(bytes), bytes.size());
    ERR_clear_error();
    return answer == 1;
}

PrivateKey PrivateKey::parse(std::string_view pem, std::string_view name) {
    const std::string label = pem_label(pem, name);
    if (label.find("ENCRYPTED") != std::string::npos || pem.find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos) {
        refuse_key(name, fmt::format("is encrypted ('{}'); sign with the program that made it (cosign sign-blob --key)",
                                     label));
    }
    if (label != "PRIVATE KEY" && label != "EC PRIVATE KEY")
        refuse_key(name, fmt::format("is a '{}', not a 'PRIVATE KEY' that can sign here", label));
    OpensslKey key{PEM_read_bio_PrivateKey(memory(pem).get(), nullptr, no_passphrase, nullptr)};
    if (!key) refuse_key(name, "is damaged: OpenSSL cannot read the private key in it");
    const KeyType type = type_of(key.get(), name);
    return {std::move(key), type};
}

std::string PrivateKey::sign(std::string_view bytes) const {
    const DigestContext context = new_context();
    std::size_t length = 0;
    if (EVP_DigestSignInit(context.get(), nullptr, hash_for(type_), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &length, unsigned_bytes(bytes), bytes.size()) != 1) {
        fail("sign with this key");
    }
    std::string signature(length, '\0');
    auto* const out = reinterpret_cast<unsigned char*>(signature.data());  // the C API's byte type
    if (EVP_DigestSign(context.get(), out, &length, unsigned_bytes(bytes), bytes.size()) != 1)
        fail("sign with this key");
    signature.resize(length);
    return encode_base64(signature);
}

PublicKey PrivateKey::public_key() const {
    const Bio bio{BIO_new(BIO_s_mem())};
    if (!bio) throw std::bad_alloc{};
    if (PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) fail("give the public half of this key");
    char* pem = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &pem);
    return PublicKey::parse({pem, static_cast<std::size_t>(size)}, "public half");
}

bool verify_signature(std::string_view bytes, std::string_view base64_signature, std::string_view public_key_pem) {
    return PublicKey::parse(public_key_pem, "public key").verifies(bytes, base64_signature);
}

std::string sign(std::string_view bytes, std::string_view private_key_pem) {
    return PrivateKey::parse(private_key_pem, "private key").sign(bytes);
}

}  // namespace overdrive
