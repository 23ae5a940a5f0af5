#include "builder-images/artifact/transfer/registry_refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "model/json_reader.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostWords = 300;

std::string printable(std::string text) {
    text.resize(std::min(text.size(), kMostWords));
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return text;
}

bool mentions(std::string text, std::string_view word) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text.find(word) != std::string::npos;
}

bool is_full(const HttpResponse& response, const std::string& words) {
    return response.status == 413 || response.status == 507 || mentions(words, "quota");
}

bool is_fixed_tag(const HttpResponse& response, const std::string& words) {
    return response.status == 409 || mentions(words, "immutable") || mentions(words, "tag_invalid") ||
           mentions(words, "already exists");
}

bool is_read_only(const HttpResponse& response, const std::string& words) {
    return response.status == 405 || mentions(words, "read-only") || mentions(words, "readonly") ||
           mentions(words, "read only") || mentions(words, "unsupported");
}

}  // namespace

std::string registry_words(std::string_view body) {
    try {
        const JsonReader reader = JsonReader::parse(body, "answer", Errc::bad_manifest);
        const auto errors = reader.objects("errors");
        if (errors.empty()) return {};
        return printable(fmt::format("{}: {}", errors.front().optional_string("code").value_or("error"),
                                     errors.front().optional_string("message").value_or("")));
    } catch (const Error&) {
        return {};  // not the registry's own words, perhaps a proxy's page
    }
}

Error registry_refusal(const std::string& doing, const std::string& repository, const HttpResponse& response) {
    const std::string words = registry_words(response.body);
    const std::string answer =
        words.empty() ? fmt::format("HTTP {}", response.status) : fmt::format("HTTP {}, {}", response.status, words);
    const auto because = [&](Errc reason, std::string_view why) {
        return Error{reason, fmt::format("{}: {} ({})", doing, why, answer)};
    };
    if (is_full(response, words))
        return because(Errc::no_space, "the registry has no room for it, or its quota is used up")
            .with_remedy(fmt::format("raise the quota of '{}' or remove old tags, then run this again: what is there "
                                     "already is not sent twice",
                                     repository));
    if (is_read_only(response, words))
        return because(Errc::read_only, "the registry takes no writes: it is read-only, or a mirror")
            .with_remedy("push to the registry that it mirrors, or wait until its maintenance is over");
    if (response.status == 401 || response.status == 403)
        return because(Errc::login_refused, "the login may not do that")
            .with_remedy(
                fmt::format("give a login that may push to '{}' (skopeo login, or $REGISTRY_AUTH_FILE)", repository));
    if (is_fixed_tag(response, words))
        return because(Errc::read_only, "the tag is there and the registry does not let it be changed")
            .with_remedy("push under another tag, or let this repository's tags be overwritten");
    if (response.status == 404)
        return because(Errc::bad_reference, "the registry has no such repository and does not make one")
            .with_remedy(fmt::format("create '{}' at the registry first", repository));
    return because(Errc::unsupported, "the registry refuses");
}

}  // namespace overdrive
