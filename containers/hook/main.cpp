#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "hook/hooks.hpp"
#include "support/error.hpp"

namespace {

void say(const std::string& text) { static_cast<void>(fmt::print(stderr, "overdrive-cdi-hook: {}\n", text)); }

int run(const std::vector<std::string>& arguments) {
    using Kind = overdrive::HookCall::Kind;
    const overdrive::HookCall call = overdrive::parse_command_line(arguments);
    const auto warn = [&](const std::string& text) {
        if (!call.quiet) say("warning: " + text);
    };
    switch (call.kind) {
        case Kind::help:
            fmt::print("{}", overdrive::help_text());
            return 0;
        case Kind::version:
            fmt::print("overdrive-cdi-hook {}\n", OVERDRIVE_VERSION);
            return 0;
        case Kind::nothing:
            warn("no sub-command is given, nothing is done; --help names them");
            return 0;
        case Kind::unknown:
            warn(fmt::format("the sub-command '{}' is not known, nothing is done; the CDI spec may be of a newer tool",
                             call.name));
            return 0;
        case Kind::hook:
            overdrive::attempting(call.name, [&] { overdrive::run_hook(call, warn); });
            return 0;
    }
    return 1;
}

}  // namespace

int main(int count, char** words) {
    // A runtime may have given us the image's environment, and open files of its own.
    static_cast<void>(clearenv());
    static_cast<void>(syscall(SYS_close_range, 3U, ~0U, 0U));
    umask(022);
    try {
        return run({words + (count > 0 ? 1 : 0), words + count});
    } catch (const overdrive::Error& error) {
        say(error.what() + (error.remedy().empty() ? "" : "; " + error.remedy()));
    } catch (const std::exception& error) {
        say(error.what());
    }
    return 1;
}
