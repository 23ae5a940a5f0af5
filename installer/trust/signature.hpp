#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "support/release_with.hpp"

namespace overdrive {

using OpensslKey = std::unique_ptr<EVP_PKEY, ReleaseWith<EVP_PKEY_free>>;

/// Which key made a signature; ECDSA is P-256 with SHA-256 in DER, what `cosign sign-blob --key` and
/// `openssl dgst -sha256` make.
enum class KeyType { ecdsa_p256, ed25519 };

/// A public key that may vouch for artifacts.
class PublicKey {
public:
    /// @param pem  one PEM block, `BEGIN PUBLIC KEY`
    /// @param name where it came from, for messages
    /// @throws Error config naming the key and what it is instead: a private key, a certificate, RSA, P-384 ...
    [[nodiscard]] static PublicKey parse(std::string_view pem, std::string_view name);

    /// Whether `base64_signature` is this key's signature over exactly `bytes`. White space around the base64 is
    /// ignored; anything else that is not a signature is simply none.
    [[nodiscard]] bool verifies(std::string_view bytes, std::string_view base64_signature) const;
    [[nodiscard]] KeyType type() const noexcept { return type_; }

private:
    PublicKey(OpensslKey key, KeyType type) : key_{std::move(key)}, type_{type} {}
    OpensslKey key_;
    KeyType type_;
};

/// A key that signs artifacts; used where artifacts are made, never on a node.
class PrivateKey {
public:
    /// @param pem an unencrypted PKCS#8 or SEC1 block
    /// @throws Error config naming the key and what it is instead
    [[nodiscard]] static PrivateKey parse(std::string_view pem, std::string_view name);

    /// The signature in base64, one line without a newline. Ed25519 gives the same one every time, ECDSA does not.
    [[nodiscard]] std::string sign(std::string_view bytes) const;
    /// The other half of the pair, which verifies what this one signs.
    [[nodiscard]] PublicKey public_key() const;
    [[nodiscard]] KeyType type() const noexcept { return type_; }

private:
    PrivateKey(OpensslKey key, KeyType type) : key_{std::move(key)}, type_{type} {}
    OpensslKey key_;
    KeyType type_;
};

/// PublicKey::parse and `verifies` in one step. @throws Error config as PublicKey::parse
[[nodiscard]] bool verify_signature(std::string_view bytes, std::string_view base64_signature,
                                    std::string_view public_key_pem);
/// PrivateKey::parse and `sign` in one step. @throws Error config as PrivateKey::parse
[[nodiscard]] std::string sign(std::string_view bytes, std::string_view private_key_pem);

}  // namespace overdrive
