#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/http_transport.hpp"
#include "registry/build_time.hpp"
#include "support/release_with.hpp"
#include "support/root.hpp"

namespace overdrive {

class TlsCheck;

/// How to talk to registries.
struct CurlSettings {
    std::vector<std::string> insecure_registries{};  ///< `host[:port]` that may be spoken to in plain HTTP
    std::string ca_file{};                           ///< PEM bundle; empty: libcurl's own place
    std::string user_agent = "overdrive";            ///< `overdrive/<version>`
    std::chrono::seconds connect_timeout{10};        ///< to all addresses of a name together, TLS included
    std::chrono::seconds stall_timeout{30};          ///< less than 1 KiB/s for so long is a stalled transfer
    /// `http://[user:password@]proxy:3128`; empty: http_proxy, https_proxy, all_proxy and no_proxy of the environment.
    std::string proxy{};
    std::string no_proxy{};  ///< hosts without the proxy: `.example.com,10.0.0.0/8`; only with `proxy`
    /// Certificates are judged at no earlier time: a host whose clock has lost its battery still gets its driver.
    std::chrono::seconds earliest_time = build_time();
};

/// The host's bundle of certificate authorities, as an absolute path for CurlSettings::ca_file; nullopt when it has
/// none in the places that distributions use.
[[nodiscard]] std::optional<std::string> find_ca_file(const Root& root);

/// HttpTransport by libcurl. One request at a time; connections are kept and reused between requests.
///
/// TLS 1.2 or newer, always verified, at max(clock, `earliest_time`). Plain http is spoken to loopback addresses,
/// insecure registries and where the request allows it. At most 5 redirects are followed, never from https to http,
/// never to another scheme, never from elsewhere to an address of this machine or its link; Authorization and client
/// certificates are not shown to another host. Loopback addresses are never asked for through a proxy.
/// No limit on the time of a whole transfer. A sink is called at times with no bytes, so that it can stop a transfer
/// that stalls. While a body is sent a server may be silent for 5 minutes: it hashes what it got.
class CurlTransport final : public HttpTransport {
public:
    explicit CurlTransport(CurlSettings settings);
    CurlTransport(const CurlTransport&) = delete;
    CurlTransport& operator=(const CurlTransport&) = delete;
    ~CurlTransport() override;

    HttpResponse perform(const HttpRequest& request, const Sink& sink) override;

private:
    [[nodiscard]] HttpResponse exchange_once(const HttpRequest& request, const std::string& url, const Sink& sink);
    [[nodiscard]] std::string redirect_target(const std::string& from) const;
    /// Empty when it may be followed.
    [[nodiscard]] std::string why_not_follow(const HttpRequest& request, const std::string& from,
                                             const std::string& to) const;
    [[nodiscard]] bool may_speak_plainly(const HttpRequest& request, const std::string& url) const;

    CurlSettings settings_;
    std::unique_ptr<TlsCheck> tls_check_;  ///< outlives the connections of `handle_`
    std::unique_ptr<CURL, ReleaseWith<curl_easy_cleanup>> handle_;
};

}  // namespace overdrive
