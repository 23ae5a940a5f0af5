#include "cli/completion.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace overdrive {

namespace {

bool is_shown(const CLI::Option& option) { return !option.get_group().empty() && !option.get_positional(); }

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// The first sentence or so of a text, for a list.
std::string short_text(const std::string& text) { return text.substr(0, text.find_first_of(";(\n")); }

/// The option of a verb or of the program itself; nullptr when there is none of that name.
const CLI::Option* find_option(const CLI::App& app, const CLI::App& verb, const std::string& name) {
    for (const CLI::App* level : {&verb, &app}) {
        if (const CLI::Option* const option = level->get_option_no_throw(name)) return option;
    }
    return nullptr;
}

/// `--name=value` is two words; shells that break words at `=` have made three of it.
std::vector<std::string> split_at_equals(const std::vector<std::string>& words) {
    std::vector<std::string> out;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (word == "=" && !out.empty() && out.back().starts_with("--")) {
            out.emplace_back();
        } else if (word.starts_with("--") && equals != std::string::npos) {
            out.push_back(word.substr(0, equals));
            out.push_back(word.substr(equals + 1));
        } else if (!out.empty() && out.back().empty()) {
            out.back() = word;
        } else {
            out.push_back(word);
        }
    }
    return out;
}

/// `TEXT:{driver,ready}` -> driver, ready
std::vector<Completion> choices(const std::string& type) {
    std::vector<Completion> out;
    const std::size_t open = type.find('{');
    const std::size_t close = type.find('}', open);
    if (open == std::string::npos || close == std::string::npos) return out;
    std::string rest = type.substr(open + 1, close - open - 1);
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        out.push_back({rest.substr(0, comma), ""});
        rest.erase(0, comma == std::string::npos ? rest.size() : comma + 1);
    }
    return out;
}

std::vector<Completion> values_of(const CLI::Option& option, const InstalledNames& installed) {
    const std::string type = option.get_type_name();
    std::vector<Completion> out = choices(type);
    const auto add = [&](const std::vector<std::string>& names, const char* what) {
        for (const std::string& name : names) out.push_back({name, what});
    };
    if (type.starts_with("DRIVER") || type.starts_with("GENERATION") || type.starts_with("INSTALLED"))
        add(type.starts_with("DRIVER") ? installed.drivers : installed.generations, "installed");
    if (type.starts_with("FILE")) out.push_back({std::string{kAnyFile}, ""});
    if (type.starts_with("DIR")) out.push_back({std::string{kAnyDirectory}, ""});
    return out;
}

void add_options(const CLI::App& level, const std::string& begun, std::vector<Completion>& out) {
    for (const CLI::Option* option : level.get_options()) {
        if (!is_shown(*option)) continue;
        for (const std::string& name : option->get_lnames())
            out.push_back({"--" + name, short_text(option->get_description())});
        if (begun.starts_with("--")) continue;
        for (const std::string& name : option->get_snames())
            out.push_back({"-" + name, short_text(option->get_description())});
    }
}

void add_verbs(const CLI::App& app, std::vector<Completion>& out) {
    for (const CLI::App* verb : app.get_subcommands({})) {
        if (!verb->get_group().empty()) out.push_back({verb->get_name(), short_text(verb->get_description())});
    }
}

/// Values for the verb's arguments that have no name.
void add_arguments(const CLI::App& verb, const InstalledNames& installed, std::vector<Completion>& out) {
    for (const CLI::Option* option : verb.get_options()) {
        if (!option->get_positional() || option->get_group().empty()) continue;
        for (Completion& value : values_of(*option, installed)) out.push_back(std::move(value));
    }
}

/// nullptr when there is none of that name.
const CLI::App* find_verb(const CLI::App& app, const std::string& name) {
    const auto verbs = app.get_subcommands([&](const CLI::App* verb) { return verb->get_name() == name; });
    return verbs.empty() ? nullptr : verbs.front();
}

/// Where the typed words lead.
struct Place {
    const CLI::App* verb;
    const CLI::Option* open = nullptr;  ///< the option that the last word is the value of
};

Place walk(const CLI::App& app, const std::vector<std::string>& before) {
    Place place{.verb = &app};
    for (const std::string& word : before) {
        if (place.open != nullptr) {
            place.open = nullptr;
        } else if (word.starts_with('-')) {
            const CLI::Option* const option = find_option(app, *place.verb, word);
            if (option != nullptr && takes_value(*option)) place.open = option;
        } else if (const CLI::App* const verb = find_verb(*place.verb, word)) {
            place.verb = verb;
        }
    }
    return place;
}

}  // namespace

std::vector<Completion> complete(const CLI::App& app, std::vector<std::string> words, const InstalledNames& installed) {
    const bool ends_open = !words.empty() && words.back() == "=";
    words = split_at_equals(words);
    if (words.empty() || (ends_open && !words.back().empty())) words.emplace_back();
    const std::string begun = words.back();
    words.pop_back();
    const Place place = walk(app, words);
    std::vector<Completion> out;
    if (place.open != nullptr) {
        out = values_of(*place.open, installed);
    } else if (begun.starts_with('-')) {
        add_options(*place.verb, begun, out);
        if (place.verb != &app) add_options(app, begun, out);
    } else if (!place.verb->get_subcommands({}).empty()) {
        add_verbs(*place.verb, out);
    } else {
        add_arguments(*place.verb, installed, out);
    }
    std::vector<Completion> fitting;
    for (Completion& each : out) {
        const bool twice = std::any_of(fitting.begin(), fitting.end(),
                                       [&](const Completion& other) { return other.word == each.word; });
        if (!twice && (each.word.starts_with(':') || each.word.starts_with(begun))) fitting.push_back(std::move(each));
    }
    return fitting;
}

std::string_view completion_script(std::string_view shell) {
    if (shell == "bash")
        return R"sh(# bash completion for overdrive: the program itself is asked what may come next.
_overdrive() {
    local word description
    COMPREPLY=()
    while IFS=$'\t' read -r word description; do
        case $word in
            :files) compopt -o default ;;
            :directories) compopt -o dirnames ;;
            *) COMPREPLY+=("$word") ;;
        esac
    done < <("${COMP_WORDS[0]}" completion answer -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _overdrive overdrive
)sh";
    if (shell == "zsh")
        return R"sh(#compdef overdrive
# zsh completion for overdrive: the program itself is asked what may come next.
_overdrive() {
    local line word
    local -a candidates
    for line in "${(@f)$("${words[1]}" completion answer -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        word=${line%%$'\t'*}
        case $word in
            '') ;;
            :files) _files ;;
            :directories) _files -/ ;;
            *) candidates+=("${word//:/\\:}:${line#*$'\t'}") ;;
        esac
    done
    (( ${#candidates} )) && _describe overdrive candidates
}
if [ "$funcstack[1]" = _overdrive ]; then _overdrive "$@"; else compdef _overdrive overdrive; fi
)sh";
    return R"sh(# fish completion for overdrive: the program itself is asked what may come next.
function __overdrive_answer
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    for line in ($typed[1] completion answer -- $typed[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files*'
                __fish_complete_path $current
            case ':directories*'
                __fish_complete_directories $current
            case '*'
                echo $line
        end
    end
end
complete -c overdrive -f -a '(__overdrive_answer)'
)sh";
}

}  // namespace overdrive
