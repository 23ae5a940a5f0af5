#include "model/grub_menu.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace overdrive {

namespace {

/// A menu entry, or a submenu with entries of its own.
struct Entry {
    std::string title;
    std::string id;
    std::string kernel;  ///< file name; empty for a submenu
    std::vector<Entry> entries;
};

constexpr std::size_t kMostDepth = 8;
constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string_view take_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return trimmed(line);
}

/// Takes one word, as the shell would: quotes group, a backslash outside of single quotes escapes.
std::string take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    std::string word;
    char quote = 0;
    while (!line.empty() && (quote != 0 || kBlanks.find(line.front()) == std::string_view::npos)) {
        const char c = line.front();
        line.remove_prefix(1);
        if (c == quote) {
            quote = 0;
        } else if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == '\\' && quote != '\'' && !line.empty()) {
            word += line.front();
            line.remove_prefix(1);
        } else {
            word += c;
        }
    }
    return word;
}

/// `menuentry 'TITLE' --class debian $menuentry_id_option 'ID' {`
Entry read_head(std::string_view line) {
    Entry entry;
    entry.title = take_word(line);
    while (!trimmed(line).empty()) {
        const std::string word = take_word(line);
        if (word == "$menuentry_id_option" || word == "--id") entry.id = take_word(line);
    }
    return entry;
}

std::string file_name(std::string_view path) { return std::string{path.substr(path.rfind('/') + 1)}; }

/// Reads up to the `}` of the block that is open, or to the end.
void read_block(std::string_view& text, Entry& into, std::size_t depth) {
    while (!text.empty()) {
        std::string_view line = take_line(text);
        if (line == "}") return;
        std::string_view rest = line;
        const std::string word = take_word(rest);
        if (word == "linux" || word == "linuxefi" || word == "linux16") {
            if (into.kernel.empty()) into.kernel = file_name(take_word(rest));
        } else if (line.ends_with('{') && depth < kMostDepth) {
            Entry inner = word == "menuentry" || word == "submenu" ? read_head(rest) : Entry{};
            read_block(text, inner, depth + 1);
            if (word == "menuentry" || word == "submenu") into.entries.push_back(std::move(inner));
        }
    }
}

/// The value of NAME in the environment block; empty when it has none.
std::string environment_value(std::string_view environment, std::string_view name) {
    while (!environment.empty()) {
        const std::string_view line = take_line(environment);
        if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == '=')
            return std::string{line.substr(name.size() + 1)};
    }
    return {};
}

std::string wanted_entry(std::string_view config, std::string_view environment) {
    if (std::string once = environment_value(environment, "next_entry"); !once.empty()) return once;
    std::string wanted;
    while (!config.empty()) {
        std::string_view line = take_line(config);
        if (take_word(line) != "set" || !trimmed(line).starts_with("default=")) continue;
        std::string value = take_word(line).substr(std::string_view{"default="}.size());
        if (value != "${next_entry}") wanted = std::move(value);
    }
    return wanted == "${saved_entry}" ? environment_value(environment, "saved_entry") : wanted;
}

/// The part before the first single `>`, where `>>` stands for one that is part of a title.
std::string take_step(std::string_view& path) {
    std::string step;
    while (!path.empty()) {
        const char c = path.front();
        path.remove_prefix(1);
        if (c == '>' && !path.starts_with('>')) break;
        if (c == '>') path.remove_prefix(1);
        step += c;
    }
    return step;
}

const Entry* find(const std::vector<Entry>& entries, const std::string& step) {
    std::size_t number = 0;
    const auto parsed = std::from_chars(step.data(), step.data() + step.size(), number);
    const bool is_number = parsed.ec == std::errc{} && parsed.ptr == step.data() + step.size();
    if (is_number) return number < entries.size() ? &entries[number] : nullptr;
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
        return !step.empty() && (entry.title == step || entry.id == step);
    });
    return found == entries.end() ? nullptr : &*found;
}

}  // namespace

std::optional<std::string> grub_default_kernel(std::string_view config, std::string_view environment) {
    Entry menu;
    for (std::string_view text = config; !text.empty();) read_block(text, menu, 0);
    const std::string wanted = wanted_entry(config, environment);
    const Entry* chosen = &menu;
    for (std::string_view path = wanted; !path.empty() && chosen != nullptr;)
        chosen = find(chosen->entries, take_step(path));
    if (chosen == nullptr) chosen = &menu;
    while (!chosen->entries.empty()) chosen = &chosen->entries.front();
    if (chosen->kernel.empty()) return std::nullopt;
    return chosen->kernel;
}

}  // namespace overdrive
