#include "hook/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "support/error.hpp"

namespace overdrive {

namespace {

struct Option {
    std::string_view name;
    bool repeated = false;
};

struct SubCommand {
    std::string_view name;
    std::vector<Option> options;
};

const std::vector<SubCommand>& sub_commands() {
    static const std::vector<SubCommand> kAll = {
        {"create-symlinks", {{"link", true}, {"container-spec"}}},
        {"update-ldcache", {{"folder", true}, {"ldconfig-path"}, {"container-spec"}}},
        {"enable-cuda-compat",
         {{"host-driver-version"}, {"host-cuda-version"}, {"cuda-compat-container-root"}, {"container-spec"}}},
        {"disable-device-node-modification", {{"container-spec"}}},
        {"update-application-profile", {{"container-spec"}}},
        {"chmod", {{"path", true}, {"mode"}, {"container-spec"}}},
    };
    return kAll;
}

/// `text` without one or two leading dashes; empty when it has none.
std::string_view without_dashes(std::string_view text) {
    if (text.size() < 2 || text.front() != '-') return {};
    text.remove_prefix(1);
    if (text.front() == '-') text.remove_prefix(1);
    return text;
}

void add_value(HookCall& call, const Option& option, std::string_view value) {
    if (!option.repeated) {
        call.options.emplace_back(option.name, value);
        return;
    }
    while (true) {
        const std::size_t comma = std::min(value.find(','), value.size());
        call.options.emplace_back(option.name, value.substr(0, comma));
        if (comma == value.size()) return;
        value.remove_prefix(comma + 1);
    }
}

void read_options(HookCall& call, const SubCommand& command, const std::vector<std::string>& arguments,
                  std::size_t at) {
    for (; at < arguments.size(); ++at) {
        const std::string_view word = without_dashes(arguments[at]);
        const std::size_t equals = std::min(word.find('='), word.size());
        const std::string_view name = word.substr(0, equals);
        if (name == "help" || name == "h") {
            call.kind = HookCall::Kind::help;
            return;
        }
        const auto option = std::find_if(command.options.begin(), command.options.end(),
                                         [&](const Option& known) { return known.name == name; });
        if (option == command.options.end())
            throw Error{Errc::usage, fmt::format("{} has no argument '{}'", command.name, arguments[at])}.with_remedy(
                "'overdrive-cdi-hook --help' names those it has");
        if (equals < word.size()) {
            add_value(call, *option, word.substr(equals + 1));
        } else if (at + 1 < arguments.size()) {
            add_value(call, *option, arguments[++at]);
        } else {
            throw Error{Errc::usage, fmt::format("{}: '--{}' lacks its value", command.name, name)};
        }
    }
}

/// The flags that may stand before a sub-command. @return false when `word` is none of them
bool is_global_flag(HookCall& call, std::string_view word) {
    const std::string_view name = without_dashes(word);
    if (name == "help" || name == "h") call.kind = HookCall::Kind::help;
    if (name == "version" || name == "v") call.kind = HookCall::Kind::version;
    if (name == "quiet") call.quiet = true;
    constexpr std::array kKnown{"help", "h", "version", "v", "quiet", "debug", "d"};
    return std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
}

}  // namespace

std::vector<std::string> HookCall::all(std::string_view option) const {
    std::vector<std::string> values;
    for (const auto& [key, value] : options) {
        if (key == option) values.push_back(value);
    }
    return values;
}

std::string HookCall::one(std::string_view option, std::string_view otherwise) const {
    const std::vector<std::string> values = all(option);
    return values.empty() ? std::string{otherwise} : values.back();
}

HookCall parse_command_line(const std::vector<std::string>& arguments) {
    HookCall call;
    bool hook_was_said = false;
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        const std::string& word = arguments[at];
        if (is_global_flag(call, word)) {
            if (call.kind != HookCall::Kind::nothing) return call;
            continue;
        }
        if (word == "hook" && !hook_was_said) {
            hook_was_said = true;
            continue;
        }
        if (!without_dashes(word).empty()) throw Error{Errc::usage, fmt::format("there is no argument '{}'", word)};
        call.name = word;
        const auto& known = sub_commands();
        const auto command = std::find_if(known.begin(), known.end(),
                                          [&](const SubCommand& candidate) { return candidate.name == word; });
        if (command == known.end()) {
            call.kind = HookCall::Kind::unknown;
            return call;
        }
        call.kind = HookCall::Kind::hook;
        read_options(call, *command, arguments, at + 1);
        return call;
    }
    return call;
}

std::string_view help_text() noexcept {
    return R"(Usage: overdrive-cdi-hook [--quiet] [hook] SUB-COMMAND [ARGUMENT]...

Prepares a container's file system for the driver. A container runtime starts it as a createContainer hook that a CDI spec
names, with the container state on standard input. Same sub-commands and arguments as nvidia-cdi-hook and 'nvidia-ctk hook'.

  create-symlinks --link TARGET::LINK...
      make LINK point at TARGET
  update-ldcache [--folder DIR]... [--ldconfig-path FILE]
      make the container's dynamic linker find the libraries in DIR; FILE is the host's ldconfig (default /sbin/ldconfig)
  enable-cuda-compat [--host-driver-version V] [--host-cuda-version V] [--cuda-compat-container-root DIR]
      put the image's CUDA compatibility libraries first when the host's driver needs them
  disable-device-node-modification
      keep the driver's user space from making device nodes in the container
  update-application-profile
      tell EGL and Vulkan which GPUs the container has
  chmod --mode OCTAL --path PATH...
      set the mode of PATH, where it exists

--container-spec FILE reads the container state from FILE. The environment is ignored.
Exit status: 0 done, or nothing to do, or a sub-command that is not known (a warning says so); 1 failed.
)";
}

}  // namespace overdrive
