// Lets a test in a booted node use the unit files and the adapter as the program will.
// Usage: unit_manager_probe ROOT write-units | enable | reload | start UNIT | stop UNIT | queue-restart UNIT |
//        state UNIT | run NAME PROGRAM [ARGUMENT...]
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/error.hpp"
#include "support/root.hpp"
#include "systemd/sdbus_unit_manager.hpp"
#include "systemd/unit_files.hpp"

namespace overdrive {
namespace {

constexpr PendingSource kPending = PendingSource::none;

void write_units(const Root& root) {
    for (const UnitFile& file : unit_files(unit_options(root, Config{}, kPending))) {
        root.make_directories(file.path.substr(0, file.path.rfind('/')));
        root.write_file(file.path, file.content);
    }
}

int run(const Root& root, const std::string& verb, const std::vector<std::string>& words) {
    constexpr std::chrono::minutes kLimit{2};
    SdbusUnitManager units{root};
    if (verb == "write-units") write_units(root);
    if (verb == "enable") fmt::print("{}\n", units.enable(enabled_units(kPending)));
    if (verb == "reload") units.daemon_reload();
    if (verb == "start") units.start(words.at(0), kLimit);
    if (verb == "stop") units.stop(words.at(0), kLimit);
    if (verb == "queue-restart") units.queue_restart(words.at(0));
    if (verb == "forget-starts") units.forget_starts(words.at(0));
    if (verb == "queue-start") units.queue_start(words.at(0));
    if (verb == "queue-stop") units.queue_stop(words.at(0));
    if (verb == "state") fmt::print("{}\n", units.active_state(words.at(0)).value_or("unknown"));
    if (verb == "run") {
        const auto result = units.run_transient({words.at(0), "probe", {words.begin() + 1, words.end()}}, [] {});
        fmt::print("{} {}\n", result.exit_code, result.result);
    }
    return 0;
}

}  // namespace
}  // namespace overdrive

int main(int argc, char** argv) {
    const std::vector<std::string> words{argv, argv + argc};
    if (argc < 3) return 2;
    try {
        return overdrive::run(overdrive::Root{words[1]}, words[2], {words.begin() + 3, words.end()});
    } catch (const overdrive::Error& error) {
        fmt::print(stderr, "{}\n{}\n", error.what(), error.remedy());
        return 1;
    }
}
