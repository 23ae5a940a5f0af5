#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/http_transport.hpp"
#include "registry/challenge.hpp"
#include "registry/endpoint.hpp"
#include "registry/url_parts.hpp"

namespace overdrive {

/// Where a token is asked for, and for what.
struct TokenService {
    std::string realm;  ///< URL
    UrlParts place;     ///< of `realm`
    std::string service;
};

/// The token service that a Bearer challenge of `endpoint` names.
///
/// It must be https; plain http only when the endpoint itself is spoken to in plain http, and then on the endpoint's
/// own host. A registry elsewhere cannot name an address of this machine or a link-local one.
/// @throws Error login_refused saying what is wrong with it
/// @see the Docker registry v2 token specification
[[nodiscard]] TokenService token_service(const Endpoint& endpoint, const Challenge& challenge);

/// Whether a login for `endpoint` may be shown to a token service on `host`: the endpoint's own host, or one below the
/// same parent domain (`registry-1.docker.io` and `auth.docker.io`). Others are asked without a login, or with one that
/// the login files have for the token service's own host. Stricter than the container tools, which show it to any host
/// (the challenge of a foreign host gave logins away in CVE-2020-15157).
[[nodiscard]] bool may_see_login(const Endpoint& endpoint, std::string_view host);

/// `repository:NAME:ACTIONS`: what a token is asked for. The challenge's own scope is taken only when it asks for no
/// more than we want, of a repository whose name ends like ours (registries that map names): a hostile registry cannot
/// have a token made for another repository or for pushing.
[[nodiscard]] std::string token_scope(const std::string& repository, const std::string& actions,
                                      const std::string& challenge_scope);

/// The request for a token: GET with Basic, or without a login; POST with an OAuth2 refresh token.
/// @see the Docker registry v2 OAuth2 specification; RFC 6749 6
[[nodiscard]] HttpRequest make_token_request(const TokenService& service, const std::vector<std::string>& scopes,
                                             const std::optional<Login>& login);

/// `Basic ...`, the value of an Authorization field. @see RFC 7617
[[nodiscard]] std::string basic_authorization(const Login& login);

/// A token, and for how long it holds.
struct GivenToken {
    std::string value;
    std::chrono::seconds lifetime{60};  ///< what the specification says where the service says nothing
};

/// Reads a token service's answer. @throws Error login_refused when it holds no token that could be sent
[[nodiscard]] GivenToken parse_token(std::string_view json, const std::string& host);

}  // namespace overdrive
