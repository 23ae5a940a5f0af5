#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/completion.hpp"

namespace overdrive {

namespace {

/// Text for man(7): what would be a request or an escape there stands for itself.
std::string plain(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else if (c == '\'' || c == '"') {
            out += c == '"' ? "\\(dq" : "\\(aq";
        } else if (c == '.' && (out.empty() || out.back() == '\n')) {
            out += "\\&.";
        } else {
            out += c;
        }
    }
    return out;
}

/// `DRIVER`, `driver|ready`, `SECONDS`; CLI11 adds ranges and defaults, which the description does not need.
std::string value_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const std::size_t open = type.find('{');
    const std::size_t close = type.find('}');
    if (open == std::string::npos || close == std::string::npos) {
        const std::string word = type.substr(0, type.find(':'));
        return word == "INT" || word == "UINT" ? "N" : word;
    }
    std::string choice = type.substr(open + 1, close - open - 1);
    for (char& c : choice) c = c == ',' ? '|' : c;
    return choice;
}

std::string name_of(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const std::string& name : option.get_snames()) names.push_back("\\fB" + plain("-" + name) + "\\fR");
    for (const std::string& name : option.get_lnames()) names.push_back("\\fB" + plain("--" + name) + "\\fR");
    std::string text = fmt::format("{}", fmt::join(names, ", "));
    if (option.get_items_expected_max() > 0) text += " \\fI" + plain(value_of(option)) + "\\fR";
    return text;
}

std::string options_of(const CLI::App& verb) {
    std::string text;
    for (const CLI::Option* option : verb.get_options()) {
        if (option->get_group().empty() || option == verb.get_help_ptr()) continue;
        const std::string name =
            option->get_positional() ? "\\fI" + plain(value_of(*option)) + "\\fR" : name_of(*option);
        text += fmt::format(".TP\n{}\n{}\n", name, plain(option->get_description()));
        if (!option->get_default_str().empty()) text += fmt::format("Default: {}.\n", plain(option->get_default_str()));
    }
    return text;
}

std::string arguments_of(const CLI::App& verb) {
    std::string text;
    for (const CLI::Option* option : verb.get_options()) {
        if (option->get_positional() && !option->get_group().empty())
            text += fmt::format(" [\\fI{}\\fR]", plain(value_of(*option)));
    }
    return text;
}

/// A verb, then those below it.
std::string section_of(const CLI::App& verb, const std::string& name) {
    std::string text = fmt::format(".SS \\fB{}\\fR [\\fIOPTIONS\\fR]{}\n{}.\n", plain(name), arguments_of(verb),
                                   plain(verb.get_description()));
    if (!verb.get_footer().empty()) text += fmt::format(".PP\n{}\n", plain(verb.get_footer()));
    text += options_of(verb);
    for (const CLI::App* below : verb.get_subcommands({})) text += section_of(*below, name + " " + below->get_name());
    return text;
}

}  // namespace

std::string manual_of_verbs(const CLI::App& app) {
    std::string text = ".SH OPTIONS\nThey stand before or behind the verb.\n" + options_of(app) + ".SH VERBS\n";
    for (const CLI::App* verb : app.get_subcommands({})) {
        if (!verb->get_group().empty()) text += section_of(*verb, verb->get_name());
    }
    return text;
}

}  // namespace overdrive
