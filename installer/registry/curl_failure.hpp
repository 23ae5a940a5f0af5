#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>

#include "registry/curl_exchange.hpp"
#include "support/error.hpp"

namespace overdrive {

/// What describes a transfer that failed.
struct CurlFailure {
    CURLcode code = CURLE_OK;
    std::string words;      ///< libcurl's own
    std::string complaint;  ///< of TlsCheck
    std::string host;       ///< that was spoken to
    std::chrono::seconds stall_timeout{0};
    bool is_https = false;
};

/// The reason, the words and the remedy of a failed transfer; never with credentials of a proxy.
[[nodiscard]] Error describe_failure(const CurlFailure& failure, const CurlExchange& exchange, const TlsFiles& tls);

}  // namespace overdrive
