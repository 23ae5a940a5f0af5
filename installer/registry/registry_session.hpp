#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/clock.hpp"
#include "ports/http_transport.hpp"
#include "registry/endpoint.hpp"
#include "registry/patience.hpp"

namespace overdrive {

/// A request to a registry, in its terms.
struct RegistryRequest {
    std::string method = "GET";
    std::string
        path;  ///< below `/v2/<repository>/`: `manifests/TAG`; or a whole URL that the registry gave (Location, Link)
    std::vector<std::string> headers{};  ///< `Name: value`, without Authorization
    std::uint64_t most_bytes = 0;        ///< as HttpRequest::most_bytes
    std::optional<HttpBody> body{};      ///< a body cannot be sent twice unless `rewind` is there
    std::function<void()> rewind{};      ///< begins `body` anew for another try
    std::string actions = "pull";        ///< what a token is asked for: `pull`, `pull,push`
    std::vector<std::string>
        also_pull_from{};  ///< other repositories that the token must reach (cross-repository mount)
};

/// Requests to one repository at one endpoint: logs in where that is asked for, keeps the token and asks for another
/// when it expires, and tries again, with patience, what may pass (no answer, 429, 5xx).
///
/// Credentials go to the endpoint's host and to the token service that it names, nowhere else: https only, except
/// where plain http is allowed for the endpoint itself.
/// @see OCI distribution-spec; the Docker registry v2 token specification; RFC 7235
class RegistrySession {
public:
    /// @param endpoint copied; everything else must outlive the session
    RegistrySession(Endpoint endpoint, HttpTransport& transport, LoginFinder& logins, Clock& clock, Patience patience);

    /// Performs a request. An answer that is neither 401 nor worth another try is returned as it is: 404, 403, 416 ...
    /// @param sink takes the body of a 2xx answer. A request whose sink has taken bytes is never tried again here: the
    ///             one who asked knows where to go on
    /// @throws Error unreachable: no answer, or still 429/5xx when patience ended; login_refused: 401 in spite of a
    ///         login or without one; truncated; what `sink` threw
    HttpResponse perform(const RegistryRequest& request, const HttpTransport::Sink& sink);

    [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }

private:
    Endpoint endpoint_;
    HttpTransport& transport_;
    LoginFinder& logins_;
    Clock& clock_;
    Patience patience_;
};

}  // namespace overdrive
