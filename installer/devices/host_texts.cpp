#include "devices/host_texts.hpp"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include "support/hex.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t start = text.find_first_not_of(separators);
        if (start == std::string_view::npos) return parts;
        text.remove_prefix(start);
        const std::size_t end = std::min(text.find_first_of(separators), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// Undoes the kernel's `\040` for blanks, tabs, newlines and backslashes.
std::string unescape(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
            is_octal(text[i + 3])) {
            plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

std::optional<MountEntry> parse_mount(std::string_view line) {
    // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) return std::nullopt;
    const auto front = split(line.substr(0, dash), " ");
    auto back = split(line.substr(dash + 3), " ");
    if (front.size() < 6 || back.size() < 2) return std::nullopt;
    const std::size_t colon = front[2].find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto id = number<int>(front[0]);
    const auto parent = number<int>(front[1]);
    const auto major_number = number<unsigned>(front[2].substr(0, colon));
    const auto minor_number = number<unsigned>(front[2].substr(colon + 1));
    if (!id || !parent || !major_number || !minor_number) return std::nullopt;
    // An empty source is written as nothing at all, so that the options follow the type directly.
    if (back.size() == 2) back.insert(back.begin() + 1, std::string_view{});
    MountEntry mount;
    mount.id = *id;
    mount.parent_id = *parent;
    mount.device = makedev(*major_number, *minor_number);
    mount.target = unescape(front[4]);
    mount.options = front[5];
    mount.type = unescape(back[0]);
    mount.source = unescape(back[1]);
    mount.super_options = unescape(back[2]);
    return mount;
}

template <typename Visit>
void each_line(std::string_view text, Visit&& visit) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        visit(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::uint32_t word_at(std::string_view bytes, std::size_t offset) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + offset, sizeof word);
    return word;
}

std::string hex(std::string_view bytes) { return hex_digits(std::vector<unsigned char>{bytes.begin(), bytes.end()}); }

bool is_version(std::string_view word) {
    return word.find('.') != std::string_view::npos &&
           word.find_first_not_of("0123456789.") == std::string_view::npos && word.front() != '.' && word.back() != '.';
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
    std::vector<MountEntry> mounts;
    each_line(text, [&](std::string_view line) {
        if (auto mount = parse_mount(line)) mounts.push_back(std::move(*mount));
    });
    return mounts;
}

std::vector<LoadedModule> parse_modules(std::string_view text) {
    std::vector<LoadedModule> modules;
    each_line(text, [&](std::string_view line) {
        // nvidia 62775296 2 nvidia_uvm,nvidia_modeset, Live 0x0000000000000000 (POE)
        const auto words = split(line, kBlanks);
        if (words.size() < 4) return;
        LoadedModule module;
        module.name = words[0];
        module.refcount = number<unsigned>(words[2]).value_or(0);
        for (const std::string_view user : split(words[3], ",")) {
            if (user != "-" && !user.starts_with('[')) module.users.emplace_back(user);
        }
        modules.push_back(std::move(module));
    });
    return modules;
}

bool is_driver_module(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 5> kFamily{"nvidia", "nouveau", "nova_core", "nova_drm", "gdrdrv"};
    return name.starts_with("nvidia_") || std::find(kFamily.begin(), kFamily.end(), name) != kFamily.end();
}

std::optional<std::string> parse_driver_version(std::string_view text) {
    const auto line = value_of(text, "NVRM version");
    if (!line) return std::nullopt;
    for (const std::string_view word : split(*line, kBlanks)) {
        if (is_version(word)) return std::string{word};
    }
    return std::nullopt;
}

std::optional<std::string> parse_build_id(std::string_view notes) {
    constexpr std::size_t kHeader = 12;
    constexpr std::uint32_t kBuildId = 3;  // NT_GNU_BUILD_ID
    const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
    while (notes.size() >= kHeader) {
        const std::size_t name_size = word_at(notes, 0);
        const std::size_t value_size = word_at(notes, 4);
        const std::uint32_t type = word_at(notes, 8);
        const std::size_t value_at = kHeader + padded(name_size);
        const std::size_t next = value_at + padded(value_size);
        if (name_size > notes.size() || value_size > notes.size() || value_at + value_size > notes.size()) break;
        const std::string_view name = notes.substr(kHeader, name_size);
        if (type == kBuildId && name == std::string_view{"GNU\0", 4}) return hex(notes.substr(value_at, value_size));
        notes.remove_prefix(std::min(next, notes.size()));
    }
    return std::nullopt;
}

std::map<std::string, unsigned> parse_character_majors(std::string_view text) {
    std::map<std::string, unsigned> majors;
    bool in_characters = false;
    each_line(text, [&](std::string_view line) {
        if (line.starts_with("Character devices:")) in_characters = true;
        if (line.starts_with("Block devices:")) in_characters = false;
        const auto words = split(line, kBlanks);
        if (!in_characters || words.size() != 2) return;
        if (const auto major_number = number<unsigned>(words[0])) majors.emplace(words[1], *major_number);
    });
    return majors;
}

std::optional<std::string> value_of(std::string_view text, std::string_view name) {
    std::optional<std::string> found;
    each_line(text, [&](std::string_view line) {
        const std::size_t colon = line.find(':');
        if (found || colon == std::string_view::npos || trim(line.substr(0, colon)) != name) return;
        found = trim(line.substr(colon + 1));
    });
    return found;
}

}  // namespace overdrive
