#include "cli/terminal_report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "model/exit_code.hpp"
#include "support/visible_text.hpp"

namespace overdrive {

namespace {

std::string_view state_after(std::string_view verb, const Error& error) {
    // They take away one thing after the other, and what is gone stays gone.
    if ((verb == "prune" || verb == "uninstall") && exit_code_of(error.code()) == ExitCode::failed)
        return "what was not removed yet is as before; run it again to go on";
    switch (exit_code_of(error.code())) {
        case ExitCode::not_restored:
            return "the system is NOT as before";
        case ExitCode::answer_is_no:
            return "nothing was changed";
        default:
            return "the system is as before";
    }
}

/// Names of files may be no UTF-8; they are no reason to print no JSON.
void print_json(const nlohmann::ordered_json& json) {
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

void TerminalReport::note(std::string_view line) {
    if (!quiet_) fmt::print(stderr, "{}\n", visible_text(line));
}

void TerminalReport::warn(std::string_view line) { fmt::print(stderr, "warning: {}\n", visible_text(line)); }

void TerminalReport::result(const nlohmann::ordered_json& json, std::string_view text) {
    if (json_) {
        print_json(json);
    } else {
        fmt::print("{}", text);
    }
    static_cast<void>(std::fflush(stdout));
}

void TerminalReport::update(const nlohmann::ordered_json& json, std::string_view text) {
    // ECMA-48: cursor to the first place, erase the display.
    constexpr std::string_view kFromTheTop = "\x1b[H\x1b[2J";
    if (json_) {
        fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    } else {
        fmt::print("{}{}{}", isatty(STDOUT_FILENO) == 1 ? kFromTheTop : "", text,
                   isatty(STDOUT_FILENO) == 1 ? "" : "\n");
    }
    static_cast<void>(std::fflush(stdout));
}

void TerminalReport::failure(std::string_view verb, const Error& error) {
    const int code = static_cast<int>(exit_code_of(error.code()));
    const std::string message = visible_text(error.what());  // it may repeat what a registry said
    if (json_) {
        const nlohmann::ordered_json json{{"schema", 1},
                                          {"error",
                                           {{"verb", verb},
                                            {"reason", reason_code(error.code())},
                                            {"exit_code", code},
                                            {"message", message},
                                            {"remedy", error.remedy()},
                                            {"state", state_after(verb, error)}}}};
        print_json(json);
    }
    fmt::print(stderr, "overdrive: {}: {}\n", verb, message);
    if (!error.remedy().empty()) fmt::print(stderr, "  what to do: {}\n", error.remedy());
    fmt::print(stderr, "  {} (reason {}, exit code {})\n", state_after(verb, error), reason_code(error.code()), code);
}

}  // namespace overdrive
