#include "registry/http_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "registry/field_scanner.hpp"

namespace overdrive {

namespace {

using std::chrono::seconds;

constexpr std::size_t kMostDate = 64;
constexpr std::size_t kMostLink = 8U << 10U;
constexpr std::string_view kDigits = "0123456789";
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// All of `text` as a decimal number; nullopt when it is none or too large.
template <typename Number>
std::optional<Number> number(std::string_view text) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// The parts of a date as they come along.
struct DateParts {
    std::optional<int> year, day, hour, minute, second;
    int month = 0;

    [[nodiscard]] std::optional<seconds> since_epoch() const {
        if (!year || !day || !hour || !minute || !second || month == 0) return std::nullopt;
        const std::chrono::year_month_day date{std::chrono::year{*year},
                                               std::chrono::month{static_cast<unsigned>(month)},
                                               std::chrono::day{static_cast<unsigned>(*day)}};
        // A leap second is written as :60.
        if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
        return std::chrono::sys_days{date}.time_since_epoch() + std::chrono::hours{*hour} +
               std::chrono::minutes{*minute} + seconds{*second};
    }
};

std::optional<int> take_number(FieldScanner& scanner, std::size_t digits) {
    const std::string_view text = scanner.take_of(kDigits);
    return text.size() == digits ? number<int>(text) : std::nullopt;
}

int take_month(FieldScanner& scanner) {
    const std::string_view name = scanner.take_of("JanFebMarAprMayJunJulAugSepOctNovDec");
    const auto* const found = std::find(kMonths.begin(), kMonths.end(), name);
    return found == kMonths.end() ? 0 : static_cast<int>(found - kMonths.begin()) + 1;
}

void take_time(FieldScanner& scanner, DateParts& parts) {
    parts.hour = take_number(scanner, 2);
    if (!scanner.skip(':')) return;
    parts.minute = take_number(scanner, 2);
    if (!scanner.skip(':')) return;
    parts.second = take_number(scanner, 2);
}

bool skip_word(FieldScanner& scanner, std::string_view word) {
    return std::all_of(word.begin(), word.end(), [&](char c) { return scanner.skip(c); });
}

/// `06 Nov 1994 08:49:37 GMT`, and with dashes and two digits of the year the older `06-Nov-94 08:49:37 GMT`.
DateParts day_first(FieldScanner& scanner) {
    DateParts parts;
    parts.day = take_number(scanner, 2);
    const bool is_old = scanner.skip('-');
    if (!is_old && !scanner.skip(' ')) return {};
    parts.month = take_month(scanner);
    if (!scanner.skip(is_old ? '-' : ' ')) return {};
    parts.year = take_number(scanner, is_old ? 2 : 4);
    if (is_old && parts.year) *parts.year += *parts.year < 70 ? 2000 : 1900;
    if (!scanner.skip(' ')) return {};
    take_time(scanner, parts);
    return skip_word(scanner, " GMT") && scanner.at_end() ? parts : DateParts{};
}

/// asctime: `Nov  6 08:49:37 1994`
DateParts month_first(FieldScanner& scanner) {
    DateParts parts;
    parts.month = take_month(scanner);
    if (!scanner.skip(' ')) return {};
    parts.day = take_number(scanner, scanner.skip(' ') ? 1 : 2);
    if (!scanner.skip(' ')) return {};
    take_time(scanner, parts);
    if (!scanner.skip(' ')) return {};
    parts.year = take_number(scanner, 4);
    return scanner.at_end() ? parts : DateParts{};
}

/// One parameter of a link. @return false when it is malformed
bool take_link_parameter(FieldScanner& scanner, bool& is_next) {
    scanner.skip_blanks();
    const std::string name = lower_case(scanner.take_token());
    if (name.empty()) return true;  // `;` at the end
    scanner.skip_blanks();
    if (!scanner.skip('=')) return true;
    scanner.skip_blanks();
    const std::size_t here = scanner.position();
    std::optional<std::string> value = scanner.take_quoted();
    if (!value) {
        scanner.go_back_to(here);
        value = std::string{scanner.take_token()};
        if (value->empty()) return false;
    }
    if (name != "rel") return true;
    FieldScanner words{*value};  // several relations are separated by spaces
    while (!words.at_end()) {
        words.skip_blanks();
        const std::string_view word = words.take_token();
        if (word.empty() && !words.at_end()) break;
        if (lower_case(word) == "next") is_next = true;
    }
    return true;
}

}  // namespace

std::optional<seconds> parse_http_date(std::string_view text) {
    text = trimmed(text);
    if (text.size() > kMostDate) return std::nullopt;
    FieldScanner scanner{text};
    if (scanner.take_token().empty()) return std::nullopt;  // the day of the week says nothing new
    if (scanner.skip(',')) {
        if (!scanner.skip(' ')) return std::nullopt;
        return day_first(scanner).since_epoch();
    }
    if (!scanner.skip(' ')) return std::nullopt;
    return month_first(scanner).since_epoch();
}

std::optional<seconds> parse_retry_after(std::string_view text, seconds now) {
    text = trimmed(text);
    if (!text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos) {
        const auto asked = number<std::uint64_t>(text);
        constexpr auto kMost = static_cast<std::uint64_t>(kLongestRetryAfter.count());
        if (!asked || *asked > kMost) return kLongestRetryAfter;
        return seconds{*asked};
    }
    const auto date = parse_http_date(text);
    if (!date) return std::nullopt;
    return std::clamp(*date - now, seconds{0}, kLongestRetryAfter);
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
    FieldScanner scanner{trimmed(text)};
    if (lower_case(scanner.take_token()) != "bytes" || !scanner.skip(' ')) return std::nullopt;
    const auto first = number<std::uint64_t>(scanner.take_of(kDigits));
    if (!first || !scanner.skip('-')) return std::nullopt;
    const auto last = number<std::uint64_t>(scanner.take_of(kDigits));
    if (!last || *last < *first || !scanner.skip('/')) return std::nullopt;
    if (scanner.skip('*')) return scanner.at_end() ? std::optional{ContentRange{*first, *last, {}}} : std::nullopt;
    const auto size = number<std::uint64_t>(scanner.take_of(kDigits));
    if (!size || *last >= *size || !scanner.at_end()) return std::nullopt;
    return ContentRange{*first, *last, size};
}

std::optional<std::uint64_t> parse_uploaded_range(std::string_view text) {
    text = trimmed(text);
    if (!text.starts_with("0-")) return std::nullopt;
    const auto last = number<std::uint64_t>(text.substr(2));
    if (!last || *last == UINT64_MAX) return std::nullopt;
    return *last == 0 ? 0 : *last + 1;
}

std::optional<std::string> parse_next_link(std::string_view text) {
    if (text.size() > kMostLink) return std::nullopt;
    FieldScanner scanner{trimmed(text)};
    while (!scanner.at_end()) {
        scanner.take_of(", \t");
        if (scanner.at_end() || !scanner.skip('<')) return std::nullopt;
        const auto target = scanner.take_until('>');
        if (!target) return std::nullopt;
        scanner.skip('>');
        bool is_next = false;
        scanner.skip_blanks();
        while (scanner.skip(';')) {
            if (!take_link_parameter(scanner, is_next)) return std::nullopt;
            scanner.skip_blanks();
        }
        if (!scanner.at_end() && !scanner.skip(',')) return std::nullopt;
        if (is_next) return target->empty() ? std::nullopt : std::optional{std::string{*target}};
    }
    return std::nullopt;
}

std::string parse_media_type(std::string_view text) {
    std::string_view type = text.substr(0, text.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    return std::string{type};
}

bool is_strong_etag(std::string_view text) noexcept {
    return text.size() >= 2 && text.size() <= 256 && text.front() == '"' && text.back() == '"' &&
           text.find('"', 1) == text.size() - 1 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace overdrive
