#include "model/driver_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "model/wish_meaning.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kOpen = "-open";
constexpr std::string_view kProprietary = "-proprietary";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Digits in groups separated by single dots, at most 32 characters.
bool is_dotted_number(std::string_view text) {
    if (text.empty() || text.size() > 32 || text.front() == '.' || text.back() == '.') return false;
    char before = '.';
    for (const char c : text) {
        if (!is_digit(c) && (c != '.' || before == '.')) return false;
        before = c;
    }
    return true;
}

std::string_view without_open(std::string_view text) {
    if (text.ends_with(kOpen)) text.remove_suffix(kOpen.size());
    return text;
}

std::string_view first_number(std::string_view version) { return version.substr(0, version.find('.')); }

std::uint64_t take_number(std::string_view& rest) {
    std::uint64_t number = 0;
    const std::size_t end = rest.find('.');
    std::from_chars(rest.data(), rest.data() + std::min(end, rest.size()), number);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    return number;
}

}  // namespace

bool DriverId::is_valid(std::string_view text) noexcept {
    const std::string_view version = without_open(text);
    return is_dotted_number(version) && version.find('.') != std::string_view::npos;
}

DriverId DriverId::parse(std::string_view text) {
    if (!is_valid(text)) {
        throw Error{Errc::config,
                    fmt::format("'{}' is not a driver: expected a version such as '550.163.01' or '550.163.01-open'",
                                text.substr(0, 100))};
    }
    return DriverId{std::string{text}};
}

std::string_view DriverId::version() const noexcept { return without_open(text_); }
std::string_view DriverId::branch() const noexcept { return first_number(text_); }
bool DriverId::open_modules() const noexcept { return text_.ends_with(kOpen); }

std::weak_ordering compare_versions(std::string_view left, std::string_view right) noexcept {
    while (!left.empty() && !right.empty()) {
        const auto order = take_number(left) <=> take_number(right);
        if (std::is_neq(order)) return order;
    }
    return !left.empty() <=> !right.empty();
}

bool is_channel_word(std::string_view text) noexcept {
    const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
    return !text.empty() && text.size() <= 32 && is_lower(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

DriverWish DriverWish::parse(std::string_view text) {
    std::string_view version = without_open(text);
    if (version == text && version.ends_with(kProprietary)) version.remove_suffix(kProprietary.size());
    const bool is_branch = is_dotted_number(version) && version.find('.') == std::string_view::npos;
    if (!is_branch && !DriverId::is_valid(text) && !is_channel_word(text)) {
        throw Error{Errc::config,
                    fmt::format("driver '{}' is neither a version such as '550.163.01-open' nor a branch such as "
                                "'550', '550-open' or '550-proprietary' nor a channel such as 'stable'",
                                text.substr(0, 100))};
    }
    return {std::string{text}, !DriverId::is_valid(text)};
}

bool is_channel(const DriverWish& wish) noexcept { return is_channel_word(wish.text); }

ModuleKind module_kind(const DriverWish& wish) noexcept {
    if (is_channel(wish)) return ModuleKind::either;
    if (wish.text.ends_with(kOpen)) return ModuleKind::open;
    return wish.is_branch && !wish.text.ends_with(kProprietary) ? ModuleKind::either : ModuleKind::proprietary;
}

bool DriverWish::allows(const DriverId& driver) const noexcept {
    return is_branch ? same_branch(driver) : driver.text() == text;
}

bool DriverWish::same_branch(const DriverId& driver) const noexcept {
    if (is_channel(*this)) return true;
    const std::string_view branch = std::string_view{text}.substr(0, text.find_first_of(".-"));
    if (branch != driver.branch()) return false;
    const ModuleKind kind = module_kind(*this);
    return kind == ModuleKind::either || (kind == ModuleKind::open) == driver.open_modules();
}

}  // namespace overdrive
