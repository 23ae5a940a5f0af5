#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

/// A date as HTTP writes it, in one of its three forms: seconds since the epoch. nullopt for anything else.
/// @see RFC 9110 5.6.7
[[nodiscard]] std::optional<std::chrono::seconds> parse_http_date(std::string_view text);

/// How long a Retry-After field asks to wait, never less than nothing; nullopt when it says nothing sensible. A number
/// that is absurd comes back as kLongestRetryAfter.
/// @param now what a date is counted from: the Date field of the same answer, since the host's clock may be wrong
/// @see RFC 9110 10.2.3
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, std::chrono::seconds now);

inline constexpr std::chrono::seconds kLongestRetryAfter{1'000'000'000};

/// `bytes 10-19/100`: which part of what came.
struct ContentRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;             ///< included
    std::optional<std::uint64_t> size;  ///< of the whole; nullopt for `*`
    friend bool operator==(const ContentRange&, const ContentRange&) = default;
};

/// nullopt for what is malformed, contradicts itself or says that the range cannot be given (`bytes */100`).
/// @see RFC 9110 14.4
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);

/// `0-499`, how a registry answers how much of an upload it has: the number of bytes, 500. nullopt when it does not
/// begin at 0 or is malformed. `0-0` is what registries say of an upload of which nothing has come as well: 0.
/// @see OCI distribution-spec, "Pushing a blob in chunks"
[[nodiscard]] std::optional<std::uint64_t> parse_uploaded_range(std::string_view text);

/// The target of the first link with `rel="next"`, as it was written (it may be relative); nullopt when there is none,
/// or when the field is malformed or larger than 8 KiB.
/// @see RFC 8288 3; OCI distribution-spec, "Listing tags"
[[nodiscard]] std::optional<std::string> parse_next_link(std::string_view text);

/// The media type of a Content-Type field without its parameters: `application/json; charset=utf-8` is
/// `application/json`. @see RFC 9110 8.3.1
[[nodiscard]] std::string parse_media_type(std::string_view text);

/// Whether an entity tag is one that bytes may be compared by: `"abc"`, not `W/"abc"`.
/// @see RFC 9110 8.8.3 and 13.1.5 (If-Range takes strong ones only)
[[nodiscard]] bool is_strong_etag(std::string_view text) noexcept;

}  // namespace overdrive
