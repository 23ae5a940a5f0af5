#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// One GET or HEAD.
struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::string> headers;  ///< `Name: value`
    std::uint64_t most_bytes = 0;      ///< the body is cut off with an Error beyond this; 0 = no body is wanted
};

/// What came back; 4xx and 5xx are answers, not errors.
struct HttpResponse {
    long status = 0;
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;                            ///< empty when a sink took it
};

/// HTTP as the registry client needs it.
class HttpTransport {
public:
    HttpTransport() = default;
    HttpTransport(const HttpTransport&) = delete;
    HttpTransport& operator=(const HttpTransport&) = delete;
    virtual ~HttpTransport() = default;

    /// Takes the next bytes of a 2xx body. May throw; the exception leaves `perform`.
    using Sink = std::function<void(std::string_view)>;

    /// Performs one request, following no redirect to another scheme than https (or http where the host is insecure).
    /// @param sink takes the body of a 2xx answer; without one the body is kept in the response
    /// @throws Error unreachable: no answer (name, connection, TLS, stalled); truncated: fewer bytes than announced
    virtual HttpResponse perform(const HttpRequest& request, const Sink& sink) = 0;
};

}  // namespace overdrive
