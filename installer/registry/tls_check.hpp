#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <string>
#include <vector>

namespace overdrive {

/// How the certificate of one server is judged, in place of libcurl's own judgement: with more authorities, at a time
/// that cannot be before the program was built. The name in the certificate is libcurl's to compare.
///
/// OpenSSL keeps the address of this object in every connection's context: it must not move, and must outlive them.
class TlsCheck {
public:
    TlsCheck() = default;
    TlsCheck(const TlsCheck&) = delete;
    TlsCheck& operator=(const TlsCheck&) = delete;
    ~TlsCheck() = default;

    /// Before each request. @param authorities PEM files, trusted besides those that libcurl has
    /// @param earliest no earlier time is the present, whatever the clock says
    void prepare(std::vector<std::string> authorities, std::chrono::seconds earliest);
    /// Judges the certificates of connections that are made with this context.
    void attach(SSL_CTX* context) noexcept;

    /// What was wrong with the last certificate that was refused: `it is signed by 'CN=Private CA', which is not
    /// trusted here`; empty when none was.
    [[nodiscard]] const std::string& complaint() const noexcept { return complaint_; }

private:
    static int verify(X509_STORE_CTX* context, void* self) noexcept;
    void complain(X509_STORE_CTX* context);

    std::vector<std::string> authorities_;
    std::chrono::seconds earliest_{0};
    std::string complaint_;
};

}  // namespace overdrive
