#include <algorithm>

#include "fuzz/targets.hpp"
#include "registry/challenge.hpp"
#include "registry/http_fields.hpp"
#include "registry/token_request.hpp"
#include "registry/url_parts.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

bool has_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto value = static_cast<unsigned char>(c);
        return (value < 0x20 && value != '\t') || value == 0x7f;
    });
}

void check_token_service(const Endpoint& endpoint, const Challenge& challenge) {
    try {
        const TokenService service = token_service(endpoint, challenge);
        const bool is_plain = service.place.scheme == "http";
        require_promise(is_plain || service.place.scheme == "https", "a token service is http or https");
        require_promise(!is_plain || endpoint.plain_http, "a token service is https unless the registry is not");
        require_promise(!service.place.has_user, "a token service has no credentials in it");
        const HttpRequest request = make_token_request(service, {"repository:a/b:pull"}, std::nullopt);
        require_promise(!has_control_characters(request.url), "nothing can be put into the request's head");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::login_refused, "what cannot be used is refused as a login");
    }
}

}  // namespace

void fuzz_challenge(std::string_view bytes) {
    const std::vector<Challenge> challenges = parse_challenges(bytes);
    require_promise(challenges.size() <= 16, "challenges are counted");
    for (const Challenge& challenge : challenges) {
        require_promise(!challenge.scheme.empty(), "a challenge has a scheme");
        for (const auto& [name, value] : challenge.parameters) {
            require_promise(!name.empty(), "a parameter has a name");
            require_promise(!has_control_characters(value), "a value has no control characters");
        }
        check_token_service({.host = "registry.example", .repository = "a/b"}, challenge);
        check_token_service({.host = "127.0.0.1:5000", .repository = "a/b", .plain_http = true}, challenge);
        const std::string scope = token_scope("a/b", "pull", challenge.parameter("scope"));
        require_promise(scope.starts_with("repository:") && scope.ends_with("a/b:pull"), "a scope asks for ours alone");
    }
    try {
        const GivenToken token = parse_token(bytes, "auth.example");
        require_promise(!token.value.empty() && !has_control_characters(token.value), "a token can be sent");
        require_promise(token.lifetime > std::chrono::seconds{0}, "a token lives");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::login_refused, "an answer without a token is a refused login");
    }
}

void fuzz_http_fields(std::string_view bytes) {
    constexpr std::chrono::seconds kNow{784111777};
    if (const auto wait = parse_retry_after(bytes, kNow))
        require_promise(*wait >= std::chrono::seconds{0} && *wait <= kLongestRetryAfter, "a wait is bounded");
    if (const auto range = parse_content_range(bytes)) {
        require_promise(range->first <= range->last, "a range is no range backwards");
        require_promise(!range->size || range->last < *range->size, "a range lies inside");
    }
    if (const auto there = parse_uploaded_range(bytes)) require_promise(*there != 1, "0-0 means nothing is there");
    if (is_strong_etag(bytes)) require_promise(!has_control_characters(bytes), "an ETag can be sent back");
    if (const auto link = parse_next_link(bytes)) {
        require_promise(!link->empty() && link->size() <= bytes.size(), "a link is a part of the field");
        const auto url = resolve_url("https://registry.example/v2/a/tags/list", *link);
        if (url)
            require_promise(parse_url(*url).has_value() || url->find("://") != std::string::npos, "a link is a URL");
    }
    static_cast<void>(shown_url(bytes));
    require_promise(without_credentials(bytes).size() <= 4 * bytes.size() + 4, "a message grows by little");
}

}  // namespace overdrive
