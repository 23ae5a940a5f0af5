#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/http_transport.hpp"
#include "support/release_with.hpp"
#include "support/root.hpp"

namespace overdrive {

/// How to talk to registries.
struct CurlSettings {
    std::vector<std::string> insecure_registries{};  ///< `host[:port]` that may be spoken to in plain HTTP
    std::string ca_file{};                           ///< PEM bundle; empty: libcurl's own place
    std::string user_agent = "overdrive";            ///< `overdrive/<version>`
    std::chrono::seconds connect_timeout{10};
    std::chrono::seconds stall_timeout{30};  ///< less than 1 KiB/s for so long is a stalled transfer
};

/// The host's bundle of certificate authorities, as an absolute path for CurlSettings::ca_file; nullopt when it has
/// none in the places that distributions use.
[[nodiscard]] std::optional<std::string> find_ca_file(const Root& root);

/// HttpTransport by libcurl. One request at a time; connections are kept and reused between requests.
///
/// TLS is always verified. Plain http is spoken to loopback addresses and insecure registries only. At most 5 redirects
/// are followed, never from https to http, never to another scheme; Authorization is not sent to another host.
/// A sink is called at times with no bytes, so that it can stop a transfer that stalls.
class CurlTransport final : public HttpTransport {
public:
    explicit CurlTransport(CurlSettings settings);

    HttpResponse perform(const HttpRequest& request, const Sink& sink) override;

private:
    CurlSettings settings_;
    std::unique_ptr<CURL, ReleaseWith<curl_easy_cleanup>> handle_;
};

}  // namespace overdrive
