#include "registry/field_scanner.hpp"

#include <algorithm>

namespace overdrive {

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool is_token_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kTokenMarks.find(c) != std::string_view::npos;
}

bool may_be_quoted(char c) noexcept {
    const auto value = static_cast<unsigned char>(c);
    return value == '\t' || (value >= 0x20 && value != 0x7f);
}

}  // namespace

bool FieldScanner::skip_blanks() noexcept { return !take_of(kBlanks).empty(); }

bool FieldScanner::skip(char c) noexcept {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
}

std::string_view FieldScanner::take_of(std::string_view set) noexcept {
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_not_of(set, at_), text_.size());
    return text_.substr(begin, at_ - begin);
}

std::optional<std::string_view> FieldScanner::take_until(char end) noexcept {
    const std::size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return std::nullopt;
    const std::string_view taken = text_.substr(at_, found - at_);
    at_ = found;
    return taken;
}

std::string_view FieldScanner::take_token() noexcept {
    const std::size_t begin = at_;
    while (!at_end() && is_token_character(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
}

std::optional<std::string> FieldScanner::take_quoted() {
    if (!skip('"')) return std::nullopt;
    std::string content;
    while (!at_end()) {
        char c = text_[at_++];
        if (c == '"') return content;
        if (c == '\\') {
            if (at_end()) return std::nullopt;
            c = text_[at_++];
        }
        if (!may_be_quoted(c)) return std::nullopt;
        content += c;
    }
    return std::nullopt;
}

std::string lower_case(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view kAround = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kAround);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kAround) - first + 1);
}

}  // namespace overdrive
