#include "registry/token_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "model/json_reader.hpp"
#include "registry/source_name.hpp"
#include "support/base64.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostRealm = 2048;
constexpr std::uint64_t kMostAnswer = 256U << 10U;
constexpr std::size_t kMostToken = 32U << 10U;
constexpr std::uint64_t kMostLifetime = 24 * 3600;

std::string host_name(const Endpoint& endpoint) {
    const auto parts = parse_url("https://" + endpoint.host);
    return parts ? parts->host : endpoint.host;
}

[[noreturn]] void refuse(const Endpoint& endpoint, const std::string& realm, std::string_view what) {
    throw Error{Errc::login_refused,
                fmt::format("{} names the token service '{}', which {}", endpoint.host, shown_url(realm), what)};
}

/// The domain that a host shares with its siblings; the host itself when there is none.
std::string_view parent_of(std::string_view host) {
    const std::size_t dot = host.find('.');
    if (dot == std::string_view::npos || host.front() == '[') return host;
    const std::string_view parent = host.substr(dot + 1);
    const std::size_t second = parent.find('.');
    if (second == std::string_view::npos) return host;  // quay.io
    const bool is_address = parent.find_first_not_of("0123456789.") == std::string_view::npos;
    // registry.co.uk: what stands above it is nobody's.
    const bool is_public =
        second <= 3 && parent.size() - second - 1 == 2 && parent.find('.', second + 1) == std::string_view::npos;
    return is_address || is_public ? host : parent;
}

/// A body out of a string, which it keeps.
HttpBody body_of(std::string content) {
    const auto kept = std::make_shared<std::string>(std::move(content));
    const auto sent = std::make_shared<std::size_t>(0);
    return {.size = kept->size(), .next = [kept, sent](std::size_t most) {
                const std::string_view piece = std::string_view{*kept}.substr(*sent, most);
                *sent += piece.size();
                return piece;
            }};
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

TokenService token_service(const Endpoint& endpoint, const Challenge& challenge) {
    const std::string realm = challenge.parameter("realm");
    const auto place = parse_url(realm);
    if (!place || realm.size() > kMostRealm) refuse(endpoint, realm, "is no URL");
    if (place->has_user) refuse(endpoint, realm, "has credentials in it");
    const std::string own = host_name(endpoint);
    const bool both_local = is_loopback(place->host) && is_loopback(own);
    if (place->scheme == "http") {
        if (!endpoint.plain_http || (place->host != own && !both_local))
            refuse(endpoint, realm, "is refused: logins and tokens go over https only");
    } else if (place->scheme != "https") {
        refuse(endpoint, realm, "is refused: it must be https");
    }
    if (is_link_address(place->host) || (is_local_address(place->host) && !is_local_address(own)))
        refuse(endpoint, realm, "is refused: it is an address of this machine or of its link");
    return {.realm = realm, .place = *place, .service = challenge.parameter("service")};
}

bool may_see_login(const Endpoint& endpoint, std::string_view host) {
    const std::string own = host_name(endpoint);
    if (host == own) return true;
    const std::string_view parent = parent_of(own);
    return host == parent || host.ends_with("." + std::string{parent});
}

std::string token_scope(const std::string& repository, const std::string& actions, const std::string& challenge_scope) {
    const std::string ours = fmt::format("repository:{}:{}", repository, actions);
    constexpr std::string_view kType = "repository:";
    const std::string end = fmt::format("{}:{}", repository, actions);
    if (!challenge_scope.starts_with(kType) || !challenge_scope.ends_with(end)) return ours;
    const std::string_view name = std::string_view{challenge_scope}.substr(
        kType.size(), challenge_scope.size() - kType.size() - actions.size() - 1);
    const bool is_mapped = name.ends_with("/" + repository) && name.find_first_of(" :") == std::string_view::npos;
    return is_mapped ? challenge_scope : ours;
}

HttpRequest make_token_request(const TokenService& service, const std::vector<std::string>& scopes,
                               const std::optional<Login>& login) {
    HttpRequest request{.method = "GET", .url = service.realm, .headers = {}, .most_bytes = kMostAnswer};
    if (login && !login->identity_token.empty()) {
        std::string all;
        for (const std::string& scope : scopes) all += (all.empty() ? "" : " ") + scope;
        request.method = "POST";
        request.headers.emplace_back("Content-Type: application/x-www-form-urlencoded");
        request.body = body_of(fmt::format(
            "grant_type=refresh_token&service={}&client_id=overdrive&scope={}"
            "&refresh_token={}",
            percent_encoded(service.service), percent_encoded(all), percent_encoded(login->identity_token)));
        return request;
    }
    std::string query;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) query += fmt::format("{}{}={}", query.empty() ? "" : "&", name, percent_encoded(value));
    };
    add("service", service.service);
    for (const std::string& scope : scopes) add("scope", scope);
    if (login) {
        add("account", login->user);
        request.headers.push_back("Authorization: " + basic_authorization(*login));
    }
    const std::size_t fragment = request.url.find('#');
    request.url = request.url.substr(0, fragment);
    request.url += (request.url.find('?') == std::string::npos ? "?" : "&") + query;
    return request;
}

std::string basic_authorization(const Login& login) {
    return "Basic " + encode_base64(login.user + ":" + login.password);
}

GivenToken parse_token(std::string_view json, const std::string& host) {
    const std::string document = "the answer of the token service " + host;
    const JsonReader reader = JsonReader::parse(json, document, Errc::login_refused);
    GivenToken token{.value = reader.optional_string("token").value_or("")};
    if (token.value.empty()) token.value = reader.optional_string("access_token").value_or("");
    if (token.value.empty() || token.value.size() > kMostToken || !is_printable(token.value)) {
        throw Error{Errc::login_refused, document + " holds no usable token"};
    }
    try {
        const std::uint64_t lifetime = reader.number_or("expires_in", 60);
        if (lifetime > 0) token.lifetime = std::chrono::seconds{std::min(lifetime, kMostLifetime)};
    } catch (const Error&) {
        // A lifetime that is no number: the token is good for as long as one without.
    }
    return token;
}

}  // namespace overdrive
