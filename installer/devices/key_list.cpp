#include "devices/key_list.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace overdrive {

namespace {

/// The next word, taken off the front of `text`.
std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

bool is_hex(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<ListedKey> parse_line(std::string_view line) {
    // 1a2b3c4d I------     1 perm 1f030000     0     0 keyring   .builtin_trusted_keys: 2
    // 2b3c4d5e I------     1 perm 1f030000     0     0 asymmetri Some CA: 6ccece7e4c6c0d1f: X509.rsa bb419ea1 []
    const std::string_view serial = take_word(line);
    constexpr int kBetween = 6;
    for (int i = 0; i < kBetween; ++i) take_word(line);
    ListedKey key;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(serial.data(), serial.data() + serial.size(), number, 16);
    key.type = take_word(line);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (serial.empty() || error != std::errc{} || end != serial.data() + serial.size() || line.empty())
        return std::nullopt;
    key.serial = static_cast<std::int32_t>(number);
    key.description = line.substr(0, line.rfind(": "));
    const std::size_t colon = key.description.rfind(": ");
    const std::string id = colon == std::string::npos ? std::string{} : key.description.substr(colon + 2);
    if (key.type != "keyring" && is_hex(id)) key.key_id = id;
    return key;
}

}  // namespace

std::vector<ListedKey> parse_key_list(std::string_view text) {
    std::vector<ListedKey> keys;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (auto key = parse_line(text.substr(0, end))) keys.push_back(std::move(*key));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return keys;
}

}  // namespace overdrive
