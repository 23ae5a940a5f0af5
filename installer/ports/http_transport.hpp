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

/// What one host needs for TLS; empty fields leave the transport's own.
struct TlsFiles {
    std::vector<std::string> authorities{};  ///< PEM files of certificate authorities, trusted besides the host's own
    std::string client_certificate{};        ///< PEM file
    std::string client_key{};                ///< PEM file
    friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

/// A body to send. Only overdrive-artifact sends any: the node's program never writes to a registry.
struct HttpBody {
    std::uint64_t size = 0;
    /// Gives the next at most `most` bytes; empty at the end.
    std::function<std::string_view(std::size_t most)> next;
};

struct HttpResponse;

/// One request.
struct HttpRequest {
    std::string method = "GET";  ///< GET and HEAD; with overdrive-artifact also POST, PUT, PATCH
    std::string url;
    std::vector<std::string> headers;  ///< `Name: value`
    /// The body of the answer is cut off with an Error beyond this; 0 = none is wanted (GET becomes HEAD).
    std::uint64_t most_bytes = 0;
    TlsFiles tls{};                  ///< for the host of `url`; a redirect to another host does without
    bool plain_http = false;         ///< plain http may be spoken to the host of `url`, besides loopback addresses
    std::optional<HttpBody> body{};  ///< what is sent
    /// Called once with status and headers of a 2xx answer, before its body goes anywhere. May throw, as a sink.
    std::function<void(const HttpResponse& head)> on_head{};
};

/// What came back; 4xx and 5xx are answers, not errors.
struct HttpResponse {
    long status = 0;
    std::map<std::string, std::string> headers;  ///< names in lower case; repeated ones joined by `, `
    std::string body;                            ///< empty when a sink took it
    std::string url{};  ///< that answered, when redirects led to another one than was asked for; else empty
    /// Why the redirect that this answer is was not followed (`it redirects to 'file:///etc/passwd', which is
    /// refused`); empty when it is none. Asking again does not help.
    std::string refused_redirect{};

    /// A field of the head by its name in lower case; empty when it is not there.
    [[nodiscard]] std::string field(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string{} : found->second;
    }
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
    /// Only GET and HEAD are redirected at all; else the redirect is the answer.
    /// @param sink takes the body of a 2xx answer; without one the body is kept in the response
    /// @throws Error unreachable: no answer (name, connection, stalled); truncated: fewer bytes than announced;
    ///         tls_refused: the server cannot prove who it is; login_refused: it wants a client certificate; config: a
    ///         file of `tls` cannot be used; what `sink` or the body threw
    virtual HttpResponse perform(const HttpRequest& request, const Sink& sink) = 0;
};

}  // namespace overdrive
