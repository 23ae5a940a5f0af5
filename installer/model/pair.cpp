#include "model/pair.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "model/os_profile.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostTagCharacters = 128;
constexpr std::size_t kKeptCharacters = 100;

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
    return text;
}

/// FNV-1a: names a shortened tag; trust never rests on it, the artifact's own driver.json names the pair.
std::uint64_t fingerprint(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return hash;
}

}  // namespace

Pair parse_pair_path(std::string_view path) {
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos || !DriverId::is_valid(path.substr(0, slash)) ||
        !is_path_safe(path.substr(slash + 1))) {
        throw Error{Errc::bad_record,
                    fmt::format("'{}' does not name a generation, which is <driver>/<os>", path.substr(0, 200))};
    }
    return {DriverId::parse(path.substr(0, slash)), std::string{path.substr(slash + 1)}};
}

std::string tag_of(const Pair& pair) {
    std::string tag = replaced(replaced(pair.os_key + "-" + pair.driver.text(), "+", "_plus_"), "~", "_tilde_");
    if (tag.size() <= kMostTagCharacters) return tag;
    return fmt::format("{}_{:016x}", tag.substr(0, kKeptCharacters), fingerprint(tag));
}

std::optional<Pair> pair_of_tag(std::string_view tag) {
    // No tag can have + or ~; with them the way back would be ambiguous.
    if (tag.size() > kMostTagCharacters || tag.find_first_of("+~") != std::string_view::npos) return std::nullopt;
    const std::string_view closed = tag.ends_with("-open") ? tag.substr(0, tag.size() - 5) : tag;
    const std::size_t dash = closed.rfind('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const std::string key = replaced(replaced(std::string{tag.substr(0, dash)}, "_plus_", "+"), "_tilde_", "~");
    const std::string_view driver = tag.substr(dash + 1);
    if (!is_path_safe(key) || !DriverId::is_valid(driver)) return std::nullopt;
    return Pair{DriverId::parse(driver), key};
}

std::string fill_template(std::string_view repository, std::string_view os_id) {
    return replaced(std::string{repository}, "{os_id}", os_id);
}

}  // namespace overdrive
