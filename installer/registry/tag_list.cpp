#include "registry/tag_list.hpp"

#include <algorithm>
#include <set>

#include "model/json_reader.hpp"
#include "registry/http_fields.hpp"
#include "registry/url_parts.hpp"

namespace overdrive {

namespace {

constexpr long kOk = 200;
constexpr long kNotFound = 404;
constexpr std::uint64_t kMostPageBytes = 2U << 20U;

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
bool is_tag(std::string_view text) {
    constexpr std::string_view kFirst = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    constexpr std::string_view kMarks = ".-";
    if (text.empty() || text.size() > 128 || kFirst.find(text.front()) == std::string_view::npos) return false;
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return kFirst.find(c) != std::string_view::npos || kMarks.find(c) != std::string_view::npos;
    });
}

void add_tags(std::vector<std::string>& tags, const std::string& body) {
    const JsonReader page = JsonReader::parse(body, "tag list", Errc::bad_manifest);
    if (!page.has("tags")) return;
    for (std::string& tag : page.strings("tags")) {
        if (tags.size() == kMostTags) return;
        if (is_tag(tag)) tags.push_back(std::move(tag));
    }
}

/// The next page's URL; nullopt when there is none, or when it leads elsewhere.
std::optional<std::string> next_page(const RegistrySession& session, const std::string& page,
                                     const HttpResponse& response) {
    const auto link = response.headers.find("link");
    if (link == response.headers.end()) return std::nullopt;
    const auto target = parse_next_link(link->second);
    if (!target) return std::nullopt;
    auto url = resolve_url(session.url_of(page), *target);
    return url && session.is_own(*url) ? url : std::nullopt;
}

}  // namespace

std::optional<std::vector<std::string>> list_tags(RegistrySession& session) {
    std::vector<std::string> tags;
    std::set<std::string> seen;
    std::optional<std::string> page = session.url_of("tags/list?n=1000");
    for (int pages = 0; page && pages < kMostTagPages && seen.insert(*page).second; ++pages) {
        const HttpResponse response = session.perform({.path = *page, .most_bytes = kMostPageBytes}, {});
        if (response.status == kNotFound && pages == 0) return std::nullopt;
        if (response.status != kOk) throw refusal(session.endpoint(), response);
        add_tags(tags, response.body);
        if (tags.size() == kMostTags) break;
        page = next_page(session, *page, response);
    }
    return tags;
}

}  // namespace overdrive
