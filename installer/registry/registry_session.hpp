#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/clock.hpp"
#include "ports/http_transport.hpp"
#include "registry/challenge.hpp"
#include "registry/endpoint.hpp"
#include "registry/patience.hpp"
#include "support/error.hpp"

namespace overdrive {

/// A request to a registry, in its terms.
struct RegistryRequest {
    std::string method = "GET";
    std::string
        path;  ///< below `/v2/<repository>/`: `manifests/TAG`; or a whole URL that the registry gave (Location, Link)
    std::vector<std::string> headers{};  ///< `Name: value`, without Authorization
    std::uint64_t most_bytes = 0;        ///< as HttpRequest::most_bytes
    /// As HttpRequest::on_head. Once it was called the request is never tried again here.
    std::function<void(const HttpResponse& head)> on_head{};
    std::optional<HttpBody> body{};  ///< a body cannot be sent twice unless `rewind` is there
    std::function<void()> rewind{};  ///< begins `body` anew for another try
    std::string actions = "pull";    ///< what a token is asked for: `pull`, `pull,push`
    std::vector<std::string>
        also_pull_from{};  ///< other repositories that the token must reach (cross-repository mount)
    /// Sent anew after a 401 alone. A PATCH that broke off may have been taken in part: its sender asks how far it
    /// came.
    bool only_login_again = false;
};

/// Requests to one repository at one endpoint: logs in where that is asked for, keeps the token and asks for another
/// when it expires, and tries again, with patience, what may pass (no answer, 408, 429, 5xx but 501, 505 and 507).
///
/// The login goes to the endpoint itself (Basic) and to the token service that it names (`may_see_login` says to
/// which), nowhere else: https only, except where plain http is allowed for the endpoint itself. A URL on another host,
/// be it a redirect or one that the registry gave, gets neither login nor token, and what it asks for is never
/// answered.
///
/// An endpoint that is dead costs at most Patience::budget and one stall of the transport, all requests together; with
/// the defaults 150 s, or 58 s when it does not even take connections.
/// @see OCI distribution-spec; the Docker registry v2 token specification; RFC 9110 11
class RegistrySession {
public:
    /// @param endpoint copied; everything else must outlive the session
    RegistrySession(Endpoint endpoint, HttpTransport& transport, LoginFinder& logins, Clock& clock, Patience patience);

    /// Performs a request. An answer that is neither 401 nor worth another try is returned as it is: 404, 403, 416 ...
    /// @param sink takes the body of a 2xx answer. A request whose sink has taken bytes is never tried again here: the
    ///             one who asked knows where to go on
    /// @throws Error unreachable: no answer, or still 429/5xx when patience ended; login_refused: 401 in spite of a
    ///         login or without one; tls_refused; truncated; interrupted; what `sink` or the LoginFinder threw
    HttpResponse perform(const RegistryRequest& request, const HttpTransport::Sink& sink);

    /// Waits as before another try, for one who goes on by himself (Range). @return false when patience is at its end
    /// @param tries_made since bytes last came, at least 1
    [[nodiscard]] bool wait_before_next(int tries_made);

    [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }
    /// `path` as the URL that is asked for.
    [[nodiscard]] std::string url_of(const std::string& path) const;
    /// Whether a URL is on this endpoint: scheme, host and port.
    [[nodiscard]] bool is_own(const std::string& url) const;

private:
    struct Token {
        std::string value;
        std::chrono::steady_clock::time_point expires;
    };
    struct Attempt;

    [[nodiscard]] HttpResponse try_patiently(const Attempt& attempt);
    [[nodiscard]] std::optional<std::string> authorization(const RegistryRequest& request);
    void answer_challenge(const RegistryRequest& request, const HttpResponse& response);
    void use_basic();
    [[nodiscard]] const Token& fetch_token(const RegistryRequest& request);
    [[nodiscard]] std::optional<Login> login_for(const std::string& service_host);
    [[nodiscard]] std::vector<std::string> scopes_of(const RegistryRequest& request) const;
    [[nodiscard]] std::string known_login() const;
    void sleep(std::chrono::milliseconds time);

    Endpoint endpoint_;
    HttpTransport& transport_;
    LoginFinder& logins_;
    Clock& clock_;
    Patience patience_;
    std::chrono::milliseconds waited_{0};  ///< of the patience's budget
    std::uint64_t draws_ = 0;
    std::optional<Challenge> bearer_;      ///< what the endpoint last asked for
    std::string basic_;                    ///< the Authorization that it took, when it asked for Basic
    std::map<std::string, Token> tokens_;  ///< by scopes
    std::string withheld_from_;            ///< the token service that may not see the endpoint's login
    std::string login_origin_;             ///< of the login that was shown last, for messages; empty: none was
};

/// What an answer means that is no success and that nothing more can be done about: 401 and 403 are login_refused,
/// others unreachable. With the registry's own words, where it has some, bounded and without control characters.
[[nodiscard]] Error refusal(const Endpoint& endpoint, const HttpResponse& response);

}  // namespace overdrive
