#include "cli/terminal_report.hpp"

#include <fmt/format.h>

#include "model/exit_code.hpp"

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

}  // namespace

void TerminalReport::note(std::string_view line) {
    if (!quiet_) fmt::print(stderr, "{}\n", line);
}

void TerminalReport::warn(std::string_view line) { fmt::print(stderr, "warning: {}\n", line); }

void TerminalReport::result(const nlohmann::ordered_json& json, std::string_view text) {
    if (json_) {
        fmt::print("{}\n", json.dump(2));
    } else {
        fmt::print("{}", text);
    }
    static_cast<void>(std::fflush(stdout));
}

void TerminalReport::failure(std::string_view verb, const Error& error) {
    const int code = static_cast<int>(exit_code_of(error.code()));
    if (json_) {
        const nlohmann::ordered_json json{{"schema", 1},
                                          {"error",
                                           {{"verb", verb},
                                            {"reason", reason_code(error.code())},
                                            {"exit_code", code},
                                            {"message", error.what()},
                                            {"remedy", error.remedy()},
                                            {"state", state_after(verb, error)}}}};
        fmt::print("{}\n", json.dump(2));
    }
    fmt::print(stderr, "overdrive: {}: {}\n", verb, error.what());
    if (!error.remedy().empty()) fmt::print(stderr, "  what to do: {}\n", error.remedy());
    fmt::print(stderr, "  {} (reason {}, exit code {})\n", state_after(verb, error), reason_code(error.code()), code);
}

}  // namespace overdrive
