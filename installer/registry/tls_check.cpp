#include "registry/tls_check.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "support/release_with.hpp"

namespace overdrive {

namespace {

using Bio = std::unique_ptr<BIO, ReleaseWith<BIO_free>>;
constexpr long kMostText = 300;

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);  // NOLINT(*-cstyle-cast): the macro's own
    return size <= 0 ? std::string{} : std::string{data, static_cast<std::size_t>(std::min(size, kMostText))};
}

std::string name_text(const X509_NAME* name) {
    const Bio bio{BIO_new(BIO_s_mem())};
    if (!bio || name == nullptr) return "?";
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    return text_of(bio.get());
}

std::string time_text(const ASN1_TIME* time) {
    const Bio bio{BIO_new(BIO_s_mem())};
    if (!bio || time == nullptr) return "?";
    ASN1_TIME_print(bio.get(), time);
    return text_of(bio.get());
}

std::string now_text(std::time_t now) { return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(now)); }

}  // namespace

void TlsCheck::prepare(std::vector<std::string> authorities, std::chrono::seconds earliest) {
    authorities_ = std::move(authorities);
    earliest_ = earliest;
    complaint_.clear();
}

void TlsCheck::attach(SSL_CTX* context) noexcept {
    SSL_CTX_set_cert_verify_callback(context, &TlsCheck::verify, this);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
}

int TlsCheck::verify(X509_STORE_CTX* context, void* self) noexcept {
    auto& check = *static_cast<TlsCheck*>(self);
    try {
        X509_STORE* store = X509_STORE_CTX_get0_store(context);
        for (const std::string& file : check.authorities_) {
            if (X509_STORE_load_file(store, file.c_str()) == 1) continue;
            check.complaint_ = fmt::format("'{}' holds no certificate authority in PEM format", file);
            X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
            return 0;
        }
        const std::time_t now = std::max(std::time(nullptr), static_cast<std::time_t>(check.earliest_.count()));
        X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), now);
        const int good = X509_verify_cert(context);
        if (good != 1) check.complain(context);
        return good == 1 ? 1 : 0;
    } catch (...) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
}

void TlsCheck::complain(X509_STORE_CTX* context) {
    const int error = X509_STORE_CTX_get_error(context);
    const X509* certificate = X509_STORE_CTX_get_current_cert(context);
    if (certificate == nullptr) {
        complaint_ = X509_verify_cert_error_string(error);
        return;
    }
    const std::time_t now = X509_VERIFY_PARAM_get_time(X509_STORE_CTX_get0_param(context));
    const std::string subject = name_text(X509_get_subject_name(certificate));
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            complaint_ = fmt::format("the certificate of '{}' expired on {} (it is taken to be {} now)", subject,
                                     time_text(X509_get0_notAfter(certificate)), now_text(now));
            break;
        case X509_V_ERR_CERT_NOT_YET_VALID:
            complaint_ = fmt::format("the certificate of '{}' is valid only from {} on (it is taken to be {} now)",
                                     subject, time_text(X509_get0_notBefore(certificate)), now_text(now));
            break;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            complaint_ = fmt::format("the certificate of '{}' is signed by '{}', which is not trusted here", subject,
                                     name_text(X509_get_issuer_name(certificate)));
            break;
        default:
            complaint_ =
                fmt::format("the certificate of '{}' is refused: {}", subject, X509_verify_cert_error_string(error));
    }
}

}  // namespace overdrive
