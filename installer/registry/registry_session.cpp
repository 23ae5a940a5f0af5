#include "registry/registry_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "registry/http_fields.hpp"
#include "registry/token_request.hpp"
#include "registry/url_parts.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr long kOk = 200;
constexpr long kBadRequest = 400;
constexpr long kUnauthorized = 401;
constexpr long kForbidden = 403;
constexpr long kRequestTimeout = 408;
constexpr long kTooManyRequests = 429;
constexpr long kServerError = 500;
constexpr long kNotImplemented = 501;
constexpr long kVersionNotSupported = 505;
constexpr long kInsufficientStorage = 507;
constexpr milliseconds kSleepSlice{100};
/// A token is not used in its last seconds: it has to arrive, too.
constexpr seconds kTokenMargin{5};
constexpr std::size_t kMostWords = 200;

bool may_pass(long status) {
    if (status == kNotImplemented || status == kVersionNotSupported || status == kInsufficientStorage) return false;
    return status == kRequestTimeout || status == kTooManyRequests || (status >= kServerError && status < 600);
}

/// The first message of an OCI error document; empty when there is none.
std::string registry_words(const HttpResponse& response) {
    const auto json = nlohmann::json::parse(response.body, nullptr, false);
    if (!json.is_object() || !json.contains("errors") || !json["errors"].is_array() || json["errors"].empty())
        return {};
    const auto& first = json["errors"].front();
    if (!first.is_object() || !first.contains("message") || !first["message"].is_string()) return {};
    std::string words = first["message"].get<std::string>().substr(0, kMostWords);
    std::replace_if(
        words.begin(), words.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return words;
}

std::string remedy_for_login(const std::string& host) {
    return fmt::format(
        "put a login for {} into /etc/containers/auth.json (podman login --authfile "
        "/etc/containers/auth.json {}), or fetch from an oci: or oci-archive: copy",
        host, host);
}

Error gave_up(const std::string& host, const HttpResponse& response, std::optional<seconds> asked, int tries) {
    const std::string tried = tries > 1 ? fmt::format(" (tried {} times)", tries) : std::string{};
    const std::string wants = asked ? fmt::format(" and asks to wait {} s", asked->count()) : std::string{};
    if (response.status == kTooManyRequests) {
        return {Errc::unreachable,
                fmt::format("{} says that too many requests were made (HTTP 429){}{}; try again later", host, wants,
                            tried)};
    }
    return {Errc::unreachable, fmt::format("{} answers with HTTP {}{}{}", host, response.status, wants, tried)};
}

Error refusal_of(const std::string& host, const HttpResponse& response) {
    const std::string words = registry_words(response);
    const std::string said = words.empty() ? std::string{} : fmt::format(": {}", words);
    if (response.status == kUnauthorized || response.status == kForbidden) {
        return Error{Errc::login_refused, fmt::format("{} refuses access (HTTP {}){}", host, response.status, said)}
            .with_remedy(remedy_for_login(host));
    }
    return {Errc::unreachable, fmt::format("{} answers with HTTP {}{}", host, response.status, said)};
}

}  // namespace

Error refusal(const Endpoint& endpoint, const HttpResponse& response) {
    Error refused = refusal_of(endpoint.host, response);
    if (response.status != kBadRequest || !endpoint.plain_http) return refused;
    return std::move(refused).with_remedy(
        fmt::format("if {} speaks https, make the directory /etc/containers/certs.d/{} and put its authority there as "
                    "ca.crt",
                    endpoint.host, endpoint.host));
}

/// One request that may be made several times.
struct RegistrySession::Attempt {
    std::string host;                       ///< for messages
    std::function<HttpResponse()> once;     ///< performs it
    std::function<bool()> may_be_repeated;  ///< asked after it failed
};

RegistrySession::RegistrySession(Endpoint endpoint, HttpTransport& transport, LoginFinder& logins, Clock& clock,
                                 Patience patience)
    : endpoint_{std::move(endpoint)}, transport_{transport}, logins_{logins}, clock_{clock}, patience_{patience} {}

std::string RegistrySession::url_of(const std::string& path) const {
    if (path.find("://") != std::string::npos) return path;
    return fmt::format("{}://{}/v2/{}/{}", endpoint_.plain_http ? "http" : "https", endpoint_.host,
                       endpoint_.repository, path);
}

bool RegistrySession::is_own(const std::string& url) const {
    const auto own = parse_url(url_of(""));
    const auto other = parse_url(url);
    return own && other && own->scheme == other->scheme && own->host == other->host && own->port == other->port;
}

HttpResponse RegistrySession::perform(const RegistryRequest& request, const HttpTransport::Sink& sink) {
    const std::string url = url_of(request.path);
    const bool own = is_own(url);
    bool took = false;
    bool sent = false;
    HttpTransport::Sink counting;
    if (sink) {
        counting = [&](std::string_view bytes) {
            took = took || !bytes.empty();
            sink(bytes);
        };
    }
    std::optional<std::string> login;
    const auto once = [&] {
        HttpRequest http{
            .method = request.method, .url = url, .headers = request.headers, .most_bytes = request.most_bytes};
        if (own) {
            http.tls = endpoint_.tls;
            http.plain_http = endpoint_.plain_http;
        }
        if (login) http.headers.push_back("Authorization: " + *login);
        if (request.body && sent) request.rewind();
        sent = true;
        http.body = request.body;
        if (request.on_head) {
            http.on_head = [&](const HttpResponse& head) {
                took = true;
                request.on_head(head);
            };
        }
        return transport_.perform(http, counting);
    };
    const auto may_be_repeated = [&] {
        return !took && !request.only_login_again && (!request.body || request.rewind);
    };
    for (bool logged_in = false;; logged_in = true) {
        if (own) login = authorization(request);
        HttpResponse response = try_patiently({endpoint_.host, once, may_be_repeated});
        if (!response.refused_redirect.empty()) {
            throw Error{Errc::unreachable, fmt::format("{}: {}", endpoint_.host, response.refused_redirect)};
        }
        if (response.status != kUnauthorized) return response;
        const std::string& answering = response.url.empty() ? url : response.url;
        if (!is_own(answering)) {
            throw Error{Errc::login_refused, fmt::format("{} sends us to '{}', which asks for a login; only {} itself "
                                                         "is given one",
                                                         endpoint_.host, shown_url(answering), endpoint_.host)};
        }
        if (logged_in) {
            const Error refused = refusal(endpoint_, response);
            throw Error{refused.code(), fmt::format("{}, {}", refused.what(), known_login())}.with_remedy(
                refused.remedy());
        }
        if (request.body && !request.rewind) throw refusal(endpoint_, response);
        answer_challenge(request, response);
    }
}

HttpResponse RegistrySession::try_patiently(const Attempt& attempt) {
    for (int tries = 1;; ++tries) {
        const auto begin = clock_.steady();
        std::optional<Error> failure;
        std::optional<seconds> asked;
        try {
            HttpResponse response = attempt.once();
            if (!may_pass(response.status)) return response;
            const seconds now = parse_http_date(response.field("date")).value_or(clock_.wall());
            asked = parse_retry_after(response.field("retry-after"), now);
            failure = gave_up(attempt.host, response, asked, tries);
        } catch (const Error& error) {
            if (error.code() != Errc::unreachable && error.code() != Errc::truncated) throw;
            if (!attempt.may_be_repeated()) throw;
            failure = Error{Errc::unreachable,
                            fmt::format("{}{}", error.what(), tries > 1 ? fmt::format(" (tried {} times)", tries) : "")}
                          .with_remedy(error.remedy());
        }
        if (!attempt.may_be_repeated()) throw Error{*failure};
        waited_ += std::chrono::duration_cast<milliseconds>(clock_.steady() - begin);
        const auto delay = next_delay(patience_, tries, asked, waited_, draws_++);
        if (!delay) throw Error{*failure};
        sleep(*delay);
    }
}

bool RegistrySession::wait_before_next(int tries_made) {
    const auto delay = next_delay(patience_, tries_made, std::nullopt, waited_, draws_++);
    if (delay) sleep(*delay);
    return delay.has_value();
}

void RegistrySession::sleep(milliseconds time) {
    waited_ += time;
    while (time > milliseconds{0}) {
        stop_if_interrupted();
        const milliseconds slice = std::min(time, kSleepSlice);
        clock_.sleep(slice);
        time -= slice;
    }
    stop_if_interrupted();
}

std::optional<std::string> RegistrySession::authorization(const RegistryRequest& request) {
    if (!basic_.empty()) return basic_;
    if (!bearer_) return std::nullopt;
    const auto found = tokens_.find(fmt::format("{}", fmt::join(scopes_of(request), " ")));
    if (found != tokens_.end() && clock_.steady() < found->second.expires) return "Bearer " + found->second.value;
    return "Bearer " + fetch_token(request).value;
}

void RegistrySession::answer_challenge(const RegistryRequest& request, const HttpResponse& response) {
    const std::vector<Challenge> challenges = parse_challenges(response.field("www-authenticate"));
    const auto find = [&](std::string_view scheme) {
        return std::find_if(challenges.begin(), challenges.end(),
                            [&](const Challenge& challenge) { return challenge.scheme == scheme; });
    };
    basic_.clear();
    bearer_.reset();
    if (const auto bearer = find("bearer"); bearer != challenges.end()) {
        bearer_ = *bearer;
        try {
            static_cast<void>(fetch_token(request));
        } catch (const Error&) {
            bearer_.reset();  // the next request may find another challenge
            throw;
        }
    } else if (find("basic") != challenges.end()) {
        use_basic();
    } else {
        throw Error{Errc::login_refused,
                    fmt::format("{} asks for a login (HTTP 401) {}", endpoint_.host,
                                challenges.empty() ? std::string{"without a challenge that can be understood"}
                                                   : fmt::format("by '{}', which overdrive does not speak",
                                                                 challenges.front().scheme.substr(0, 40)))};
    }
}

void RegistrySession::use_basic() {
    const std::optional<Login> login = logins_.find(endpoint_.host, endpoint_.repository);
    if (!login || login->user.empty()) {
        throw Error{Errc::login_refused,
                    fmt::format("{} asks for a login, and {}", endpoint_.host,
                                login ? fmt::format("{} has an identity token but no user and password", login->origin)
                                      : "there is none for " + endpoint_.host + "/" + endpoint_.repository)}
            .with_remedy(remedy_for_login(endpoint_.host));
    }
    login_origin_ = login->origin;
    basic_ = basic_authorization(*login);
}

const RegistrySession::Token& RegistrySession::fetch_token(const RegistryRequest& request) {
    const TokenService service = token_service(endpoint_, bearer_.value());
    const std::string host = service.place.authority();
    const std::optional<Login> login = login_for(service.place.host);
    login_origin_ = login ? login->origin : std::string{};
    const std::vector<std::string> scopes = scopes_of(request);
    const auto once = [&] {
        HttpRequest http = make_token_request(service, scopes, login);
        http.plain_http = endpoint_.plain_http && service.place.scheme == "http";
        if (may_see_login(endpoint_, service.place.host)) http.tls.authorities = endpoint_.tls.authorities;
        if (is_own(service.realm)) http.tls = endpoint_.tls;
        return transport_.perform(http, {});
    };
    HttpResponse response;
    try {
        response = try_patiently({host, once, [] { return true; }});
    } catch (const Error& error) {
        if (error.code() != Errc::bad_manifest) throw;
        throw Error{Errc::login_refused, fmt::format("the token service {}: {}", host, error.what())};
    }
    if (response.status != kOk) {
        const Error refused = refusal_of("the token service " + host, response);
        throw Error{response.status < kServerError ? Errc::login_refused : refused.code(),
                    fmt::format("{}, {}", refused.what(), known_login())}
            .with_remedy(remedy_for_login(endpoint_.host));
    }
    const GivenToken given = parse_token(response.body, host);
    const seconds usable = std::max(given.lifetime - kTokenMargin, seconds{1});
    Token& token = tokens_[fmt::format("{}", fmt::join(scopes, " "))];
    token = {given.value, clock_.steady() + usable};
    return token;
}

std::optional<Login> RegistrySession::login_for(const std::string& service_host) {
    withheld_from_.clear();
    if (may_see_login(endpoint_, service_host)) return logins_.find(endpoint_.host, endpoint_.repository);
    withheld_from_ = service_host;
    return logins_.find(service_host, "");
}

std::vector<std::string> RegistrySession::scopes_of(const RegistryRequest& request) const {
    const std::string asked = bearer_ ? bearer_->parameter("scope") : std::string{};
    std::vector<std::string> scopes{token_scope(endpoint_.repository, request.actions, asked)};
    for (const std::string& repository : request.also_pull_from)
        scopes.push_back(fmt::format("repository:{}:pull", repository));
    return scopes;
}

std::string RegistrySession::known_login() const {
    if (!login_origin_.empty()) return "with the login of " + login_origin_;
    if (withheld_from_.empty()) return "asked without a login: none is known for it";
    return fmt::format(
        "asked without a login: none is known for {}, and one for {} is shown to hosts of its own domain only",
        withheld_from_, endpoint_.host);
}

}  // namespace overdrive
