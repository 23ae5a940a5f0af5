#include "model/kernel_order.hpp"

#include <algorithm>

namespace overdrive {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The rank of the first character among those that are no digits; the end and a digit rank alike.
int rank(std::string_view text) {
    if (text.empty() || is_digit(text.front())) return 0;
    if (text.front() == '~') return -1;
    const int value = static_cast<unsigned char>(text.front());
    return is_letter(text.front()) ? value : value + 256;
}

/// Takes the digits off the front, without leading zeros.
std::string_view take_digits(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    const auto* const end = std::find_if_not(text.begin(), text.end(), is_digit);
    const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(digits.size());
    return digits;
}

}  // namespace

std::weak_ordering compare_kernel_releases(std::string_view left, std::string_view right) noexcept {
    while (!left.empty() || !right.empty()) {
        while (rank(left) != 0 || rank(right) != 0) {
            if (const auto order = rank(left) <=> rank(right); std::is_neq(order)) return order;
            left.remove_prefix(1);
            right.remove_prefix(1);
        }
        const std::string_view a = take_digits(left);
        const std::string_view b = take_digits(right);
        if (a.size() != b.size()) return a.size() <=> b.size();
        if (const auto order = a <=> b; std::is_neq(order)) return order;
    }
    return std::weak_ordering::equivalent;
}

}  // namespace overdrive
