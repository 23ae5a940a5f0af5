#include "builder-images/artifact/transfer/upload_place.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostUrl = 16U << 10U;

std::string base_of(const Endpoint& endpoint) {
    return fmt::format("{}://{}", endpoint.plain_http ? "http" : "https", endpoint.host);
}

/// `sha256:...` as it stands in a query.
std::string in_query(const Digest& digest) { return fmt::format("sha256%3A{}", digest.hex()); }

/// The slashes of a repository are the only characters of its grammar that a query writes otherwise.
std::string in_query(std::string_view repository) {
    std::string text;
    for (const char c : repository) text += c == '/' ? std::string{"%2F"} : std::string{c};
    return text;
}

}  // namespace

std::string absolute_url(const Endpoint& endpoint, std::string_view field) {
    const bool printable =
        std::all_of(field.begin(), field.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
    if (field.size() <= kMostUrl && printable) {
        if (field.starts_with("/") && !field.starts_with("//")) return base_of(endpoint) + std::string{field};
        if (field.starts_with("https://") || field.starts_with("http://")) return std::string{field};
    }
    throw Error{Errc::bad_manifest, fmt::format("{} answers with a place to go on ({} bytes) that is no http address",
                                                endpoint.host, field.size())};
}

std::string with_digest(const std::string& location, const Digest& digest) {
    return fmt::format("{}{}digest={}", location, location.find('?') == std::string::npos ? '?' : '&',
                       in_query(digest));
}

bool is_on_endpoint(const Endpoint& endpoint, std::string_view url) {
    return url.starts_with(fmt::format("{}/v2/{}/", base_of(endpoint), endpoint.repository));
}

std::string piece_range(std::uint64_t first, std::uint64_t bytes) {
    return fmt::format("{}-{}", first, first + bytes - 1);
}

std::string mount_path(const Digest& digest, std::string_view repository) {
    return fmt::format("blobs/uploads/?mount={}&from={}", in_query(digest), in_query(repository));
}

}  // namespace overdrive
