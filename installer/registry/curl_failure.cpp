#include "registry/curl_failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "registry/url_parts.hpp"

namespace overdrive {

namespace {

bool says_any(const std::string& words, std::initializer_list<std::string_view> parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return words.find(part) != std::string::npos; });
}

Error tls_refused(const CurlFailure& failure, const std::string& words) {
    const bool has_reason = !failure.complaint.empty();
    const std::string what = has_reason ? failure.complaint : words;
    const std::string remedy =
        has_reason && what.find("not trusted here") != std::string::npos
            ? fmt::format("put the certificate of its authority into /etc/containers/certs.d/{}/ca.crt", failure.host)
            : std::string{"have the registry's certificate renewed for this name; it is never skipped"};
    return Error{Errc::tls_refused, fmt::format("{} cannot prove that it is {}: {}", failure.host, failure.host, what)}
        .with_remedy(remedy);
}

/// A connection that the other side tore down before any answer: the network, or want of a client certificate.
Error torn_down(const CurlFailure& failure, const std::string& words, const TlsFiles& tls) {
    return {Errc::unreachable,
            fmt::format("{} (a registry that wants {} client certificate may end so: certs.d/{}/client.cert)", words,
                        tls.client_certificate.empty() ? "a" : "another", failure.host)};
}

/// A handshake that failed: for want of a certificate on one side, of a common protocol, or of the network.
Error handshake_failed(const CurlFailure& failure, const std::string& words, const TlsFiles& tls) {
    if (says_any(words, {"SSL_ERROR_SYSCALL", "Connection reset", "unexpected eof", "Broken pipe"}))
        return torn_down(failure, words, tls);
    if (says_any(words, {"wrong version number", "packet length too long", "http request"})) {
        return Error{Errc::tls_refused, fmt::format("{} does not speak TLS: {}", failure.host, words)}.with_remedy(
            "list it under [registry] insecure in /etc/overdrive/config.toml if it is meant to be spoken to in plain "
            "http");
    }
    return Error{Errc::tls_refused, fmt::format("{} and this host find no way to speak TLS: {}", failure.host, words)}
        .with_remedy("the registry must offer TLS 1.2 or newer");
}

Error wants_client_certificate(const CurlFailure& failure, const std::string& words, const TlsFiles& tls) {
    const std::string ours = tls.client_certificate.empty()
                                 ? "wants a client certificate"
                                 : fmt::format("does not take the client certificate '{}'", tls.client_certificate);
    return Error{Errc::login_refused, fmt::format("{} {}: {}", failure.host, ours, words)}.with_remedy(
        fmt::format("put client.cert and client.key into /etc/containers/certs.d/{}/", failure.host));
}

/// Whether a connection was torn down before any answer. In TLS 1.3 a server judges the client's certificate after the
/// handshake, and its alert is lost when it closes while the request is still being sent (RFC 8446 4.4.2.4).
bool is_torn_down(const CurlFailure& failure, const CurlExchange& exchange, const std::string& words) {
    return failure.is_https && exchange.response().status == 0 &&
           (failure.code == CURLE_SEND_ERROR || failure.code == CURLE_RECV_ERROR || failure.code == CURLE_HTTP2) &&
           says_any(words, {"Connection reset", "Broken pipe", "SSL_ERROR_SYSCALL"});
}

}  // namespace

Error describe_failure(const CurlFailure& failure, const CurlExchange& exchange, const TlsFiles& tls) {
    const std::string words =
        without_credentials(failure.words.empty() ? curl_easy_strerror(failure.code) : failure.words);
    // The other side's alerts about our own certificate.
    if (says_any(words, {"certificate required", "alert bad certificate", "alert unknown ca",
                         "alert certificate expired", "alert certificate unknown"}))
        return wants_client_certificate(failure, words, tls);
    switch (failure.code) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
            return tls_refused(failure, words);
        case CURLE_SSL_CONNECT_ERROR:
            return failure.complaint.empty() ? handshake_failed(failure, words, tls) : tls_refused(failure, words);
        case CURLE_SSL_CERTPROBLEM:
            return {Errc::config, fmt::format("the client certificate '{}' and its key '{}' cannot be used: {}",
                                              tls.client_certificate, tls.client_key, words)};
        case CURLE_SSL_CACERT_BADFILE:
            return {Errc::config, fmt::format("the certificate authorities cannot be read: {}", words)};
        default:
            break;
    }
    const bool broke_off =
        failure.code == CURLE_PARTIAL_FILE ||
        (exchange.received() > 0 && (failure.code == CURLE_RECV_ERROR || failure.code == CURLE_HTTP2 ||
                                     failure.code == CURLE_HTTP2_STREAM || failure.code == CURLE_SSL_CONNECT_ERROR));
    if (broke_off) {
        return {Errc::truncated, fmt::format("the transfer broke off after {} bytes: {}", exchange.received(), words)};
    }
    if (failure.code == CURLE_OPERATION_TIMEDOUT && exchange.response().status != 0) {
        return {Errc::unreachable,
                fmt::format("the transfer stalled for {} s: {}", failure.stall_timeout.count(), words)};
    }
    if (is_torn_down(failure, exchange, words)) return torn_down(failure, words, tls);
    return {Errc::unreachable, words};
}

}  // namespace overdrive
