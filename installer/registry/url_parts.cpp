#include "registry/url_parts.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>

#include "registry/field_scanner.hpp"
#include "support/release_with.hpp"

namespace overdrive {

namespace {

using Url = std::unique_ptr<CURLU, ReleaseWith<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, ReleaseWith<curl_free>>;

constexpr std::size_t kMostUrl = 8U << 10U;
constexpr std::size_t kMostShown = 300;

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
    char* raw = nullptr;
    if (curl_url_get(url, part, &raw, flags) != CURLUE_OK) return {};
    const CurlText text{raw};
    return text.get();
}

Url parse(const std::string& text) {
    Url url{curl_url()};
    if (!url) throw std::bad_alloc{};
    // Foreign schemes are parsed too, to be refused by name.
    if (text.size() > kMostUrl || text.find("://") == std::string::npos ||
        curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        return {};
    }
    return url;
}

enum class Reach { anywhere, loopback, link };

Reach reach_of_v4(std::uint32_t address) {
    if (address >> 24U == 127) return Reach::loopback;
    return address >> 24U == 0 || address >> 16U == 0xa9feU ? Reach::link : Reach::anywhere;  // 0/8, 169.254/16
}

Reach reach_of_v6(const in6_addr& address) {
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        std::uint32_t v4 = 0;
        for (std::size_t i = 12; i < 16; ++i) v4 = (v4 << 8U) | address.s6_addr[i];
        return reach_of_v4(v4);
    }
    if (IN6_IS_ADDR_LOOPBACK(&address)) return Reach::loopback;
    const bool is_metadata = address.s6_addr[0] == 0xfd && address.s6_addr[1] == 0x00 && address.s6_addr[2] == 0x0e &&
                             address.s6_addr[3] == 0xc2;  // fd00:ec2::254
    return IN6_IS_ADDR_UNSPECIFIED(&address) || IN6_IS_ADDR_LINKLOCAL(&address) || is_metadata ? Reach::link
                                                                                               : Reach::anywhere;
}

Reach reach_of(std::string_view host) {
    if (host == "localhost" || host.ends_with(".localhost")) return Reach::loopback;
    std::string text{host};
    if (text.size() > 2 && text.front() == '[') text = text.substr(1, text.size() - 2);
    text = text.substr(0, text.find('%'));  // a zone
    in_addr v4{};
    if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return reach_of_v4(ntohl(v4.s_addr));
    in6_addr v6{};
    return inet_pton(AF_INET6, text.c_str(), &v6) == 1 ? reach_of_v6(v6) : Reach::anywhere;
}

}  // namespace

std::string UrlParts::authority() const {
    const bool usual = port.empty() || (scheme == "https" && port == "443") || (scheme == "http" && port == "80");
    return usual ? host : host + ":" + port;
}

std::optional<UrlParts> parse_url(const std::string& url) {
    const Url parsed = parse(url);
    if (!parsed) return std::nullopt;
    UrlParts parts{.scheme = lower_case(part_of(parsed.get(), CURLUPART_SCHEME)),
                   .host = lower_case(part_of(parsed.get(), CURLUPART_HOST)),
                   .port = part_of(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT),
                   .has_user = !part_of(parsed.get(), CURLUPART_USER).empty()};
    if (parts.host.empty() && parts.scheme != "file") return std::nullopt;
    return parts;
}

std::optional<std::string> resolve_url(const std::string& base, const std::string& reference) {
    const Url url = parse(base);
    if (!url || reference.empty() || reference.size() > kMostUrl ||
        curl_url_set(url.get(), CURLUPART_URL, reference.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        return std::nullopt;
    }
    std::string resolved = part_of(url.get(), CURLUPART_URL);
    if (resolved.empty()) return std::nullopt;
    return resolved;
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (kPlain.find(c) != std::string_view::npos) {
            out += c;
            continue;
        }
        const auto value = static_cast<unsigned char>(c);
        out += {'%', kHex[value >> 4U], kHex[value & 15U]};
    }
    return out;
}

std::string shown_url(std::string_view url) {
    return without_credentials(url.substr(0, std::min(url.find_first_of("?#"), kMostShown)));
}

std::string without_credentials(std::string_view text) {
    std::string out;
    while (true) {
        const std::size_t at = text.find('@');
        if (at == std::string_view::npos) return out + std::string{text};
        // Back to where the user begins: behind `//`, else behind the last blank or quote.
        const std::string_view before = text.substr(0, at);
        const std::size_t slashes = before.rfind("//");
        const std::size_t gap = before.find_last_of(" \t'\"");
        std::size_t begin = gap == std::string_view::npos ? 0 : gap + 1;
        if (slashes != std::string_view::npos) begin = std::max(begin, slashes + 2);
        out += std::string{before.substr(0, begin)} + "***@";
        text.remove_prefix(at + 1);
    }
}

bool is_local_address(std::string_view host) { return reach_of(host) != Reach::anywhere; }

bool is_link_address(std::string_view host) { return reach_of(host) == Reach::link; }

}  // namespace overdrive
