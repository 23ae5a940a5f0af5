#include "support/visible_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace overdrive {

namespace {

constexpr unsigned char kDelete = 0x7F;

/// What may follow a lead byte: how many bytes, and the limits of the first of them.
struct Sequence {
    std::size_t following = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
};

/// @return following = 0 for a byte that begins no sequence of several
Sequence sequence_of(unsigned char lead) {
    if (lead == 0xC2) return {1, 0xA0, 0xBF};  // below are the control characters U+0080 to U+009F
    if (lead > 0xC2 && lead <= 0xDF) return {1};
    if (lead == 0xE0) return {2, 0xA0, 0xBF};
    if (lead == 0xED) return {2, 0x80, 0x9F};
    if (lead > 0xE0 && lead <= 0xEF) return {2};
    if (lead == 0xF0) return {3, 0x90, 0xBF};
    if (lead == 0xF4) return {3, 0x80, 0x8F};
    if (lead > 0xF0 && lead < 0xF4) return {3};
    return {};
}

/// How many bytes at the front of `text`, which is not empty, can be shown as they are.
std::size_t shown(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80) return lead >= ' ' && lead != kDelete ? 1 : 0;
    const Sequence sequence = sequence_of(lead);
    if (sequence.following == 0 || text.size() <= sequence.following) return 0;
    const auto second = static_cast<unsigned char>(text[1]);
    if (second < sequence.low || second > sequence.high) return 0;
    const std::string_view rest = text.substr(2, sequence.following - 1);
    const bool continues = std::all_of(rest.begin(), rest.end(), [](char c) { return (c & 0xC0) == 0x80; });
    return continues ? sequence.following + 1 : 0;
}

}  // namespace

std::string visible_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t count = shown(text);
        if (count == 0)
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
        else
            out.append(text.substr(0, count));
        text.remove_prefix(std::max<std::size_t>(count, 1));
    }
    return out;
}

}  // namespace overdrive
