#include "modules/module_signature.hpp"

#include <fmt/format.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "support/error.hpp"
#include "support/hex.hpp"
#include "support/release_with.hpp"

namespace overdrive {

namespace {

using Cms = std::unique_ptr<CMS_ContentInfo, ReleaseWith<CMS_ContentInfo_free>>;
using Certificate = std::unique_ptr<X509, ReleaseWith<X509_free>>;

std::string hex(const ASN1_STRING* bytes) {
    if (bytes == nullptr) return {};
    return hex_digits({ASN1_STRING_get0_data(bytes), static_cast<std::size_t>(ASN1_STRING_length(bytes))});
}

/// OpenSSL keeps the absolute value, without leading zero bytes.
std::string serial_text(const ASN1_INTEGER* serial) { return hex(serial); }

std::string entry(const X509_NAME* name, int nid) {
    const int index = X509_NAME_get_index_by_NID(name, nid, -1);
    if (index < 0) return {};
    const ASN1_STRING* const data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
    unsigned char* utf8 = nullptr;
    const int length = ASN1_STRING_to_UTF8(&utf8, data);
    if (length < 0) return {};
    std::string text{reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length)};
    OPENSSL_free(utf8);
    return text;
}

/// As the kernel words the name of a certificate in a keyring.
/// @see x509_fabricate_name, crypto/asymmetric_keys/x509_cert_parser.c
std::string kernel_name(const X509_NAME* name) {
    const std::string common = entry(name, NID_commonName);
    const std::string organization = entry(name, NID_organizationName);
    if (common.empty()) return organization.empty() ? entry(name, NID_pkcs9_emailAddress) : organization;
    constexpr std::size_t kAlike = 7;
    const bool alike = common.starts_with(organization) || (common.size() >= kAlike && organization.size() >= kAlike &&
                                                            common.compare(0, kAlike, organization, 0, kAlike) == 0);
    return organization.empty() || alike ? common : organization + ": " + common;
}

const unsigned char* unsigned_bytes(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());  // the C API's byte type
}

std::string read_at(int fd, std::size_t size, off_t offset, std::string_view name) {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(fd, bytes.data() + done, size - done, offset + static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int saved_errno = errno;
            throw Error::from_errno(Errc::io, saved_errno, fmt::format("read '{}'", name));
        }
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

}  // namespace

std::optional<SignatureTrailer> parse_signature_trailer(std::string_view tail) {
    constexpr unsigned char kPkcs7 = 2;  // PKEY_ID_PKCS7
    if (!tail.ends_with(kSignatureMagic)) return std::nullopt;
    tail.remove_suffix(kSignatureMagic.size());
    if (tail.size() < kSignatureHeader) return SignatureTrailer{};
    const std::string_view header = tail.substr(tail.size() - kSignatureHeader);
    const auto byte = [&](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(header[at]));
    };
    return SignatureTrailer{byte(8) << 24U | byte(9) << 16U | byte(10) << 8U | byte(11), byte(2) == kPkcs7};
}

std::vector<SignerKey> parse_signers(std::string_view pkcs7) {
    constexpr int kMostSigners = 8;
    if (pkcs7.size() > kMostSignature) return {};
    const unsigned char* cursor = unsigned_bytes(pkcs7);
    const Cms cms{d2i_CMS_ContentInfo(nullptr, &cursor, static_cast<long>(pkcs7.size()))};
    STACK_OF(CMS_SignerInfo)* const infos = cms ? CMS_get0_SignerInfos(cms.get()) : nullptr;
    const int count = infos == nullptr ? 0 : sk_CMS_SignerInfo_num(infos);
    std::vector<SignerKey> signers;
    for (int i = 0; i < count && count <= kMostSigners; ++i) {
        ASN1_OCTET_STRING* key_id = nullptr;
        X509_NAME* issuer = nullptr;
        ASN1_INTEGER* serial = nullptr;
        if (CMS_SignerInfo_get0_signer_id(sk_CMS_SignerInfo_value(infos, i), &key_id, &issuer, &serial) != 1) continue;
        if (key_id != nullptr) {
            signers.push_back({.issuer = "", .serial = "", .key_id = hex(key_id), .subject = ""});
        } else {
            signers.push_back(
                {.issuer = kernel_name(issuer), .serial = serial_text(serial), .key_id = "", .subject = ""});
        }
    }
    ERR_clear_error();
    return signers;
}

std::optional<SignerKey> parse_certificate(std::string_view certificate) {
    if (certificate.size() > kMostSignature) return std::nullopt;
    const unsigned char* cursor = unsigned_bytes(certificate);
    const Certificate parsed{d2i_X509(nullptr, &cursor, static_cast<long>(certificate.size()))};
    if (!parsed) {
        ERR_clear_error();
        return std::nullopt;
    }
    SignerKey key{.issuer = kernel_name(X509_get_issuer_name(parsed.get())),
                  .serial = serial_text(X509_get0_serialNumber(parsed.get())),
                  .key_id = hex(X509_get0_subject_key_id(parsed.get())),
                  .subject = kernel_name(X509_get_subject_name(parsed.get()))};
    ERR_clear_error();
    return key;
}

AppendedSignature read_appended_signature(int fd, std::string_view name) {
    struct stat status {};
    if (fstat(fd, &status) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("look at '{}'", name));
    }
    constexpr auto kTail = static_cast<off_t>(kSignatureHeader + kSignatureMagic.size());
    const off_t tail = std::min(kTail, status.st_size);
    const auto trailer =
        parse_signature_trailer(read_at(fd, static_cast<std::size_t>(tail), status.st_size - tail, name));
    if (!trailer) return {};
    AppendedSignature signature{.is_there = true, .signers = {}};
    const off_t start = status.st_size - tail - static_cast<off_t>(trailer->size);
    if (trailer->is_pkcs7 && trailer->size <= kMostSignature && start >= 0)
        signature.signers = parse_signers(read_at(fd, trailer->size, start, name));
    return signature;
}

}  // namespace overdrive
