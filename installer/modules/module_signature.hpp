#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/module_facts.hpp"

namespace overdrive {

/// What ends a signed module: `~Module signature appended~\n`.
inline constexpr std::string_view kSignatureMagic = "~Module signature appended~\n";
/// Size of what stands before it. @see struct module_signature, include/linux/module_signature.h
inline constexpr std::size_t kSignatureHeader = 12;
/// More than any signature without certificates has (some 700 bytes), and with a few of them.
inline constexpr std::uint32_t kMostSignature = 64U << 10U;

/// The end of a module's file.
struct SignatureTrailer {
    std::uint32_t size = 0;  ///< of the signature that stands before header and magic
    bool is_pkcs7 = false;   ///< the only kind that kernels since 4.3 take
};

/// @param tail the last kSignatureHeader + kSignatureMagic.size() bytes of the file, or all of a shorter one
/// @return nullopt when it does not end as a signed module does
[[nodiscard]] std::optional<SignatureTrailer> parse_signature_trailer(std::string_view tail);

/// The keys that a signature names, in their order: one for each signer. @param pkcs7 DER @return none when it is no
/// such thing, or has more signers than anybody needs
[[nodiscard]] std::vector<SignerKey> parse_signers(std::string_view pkcs7);

/// The key that a certificate is of. @param certificate DER @return nullopt when it is no X.509 certificate
[[nodiscard]] std::optional<SignerKey> parse_certificate(std::string_view certificate);

/// What is appended to a module's file.
struct AppendedSignature {
    bool is_there = false;
    std::vector<SignerKey> signers;  ///< empty when there is none, or it cannot be read
};
/// Reads the end of a file only. @throws Error io
[[nodiscard]] AppendedSignature read_appended_signature(int fd, std::string_view name);

}  // namespace overdrive
