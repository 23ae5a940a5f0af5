#include "verbs/history.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "store/store.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// `2026-11-21 09:12:05 UTC`
std::string utc(std::chrono::seconds since_epoch) {
    const auto time = static_cast<std::time_t>(since_epoch.count());
    std::tm parts{};
    if (gmtime_r(&time, &parts) == nullptr) return fmt::format("{} s", since_epoch.count());
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", parts);
}

}  // namespace

ExitCode run_history(Services& services, Report& report) {
    const Store store{services.root};
    Record record;
    bool readable = true;
    try {
        record = store.load_record().value_or(Record{});
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record) throw;
        readable = false;
        report.warn(fmt::format("the record cannot be read, and with it the history: {}", error.what()));
    }
    ordered_json events = ordered_json::array();
    std::string text;
    for (const Event& event : record.history) {
        events.push_back({{"at", event.at.count()},
                          {"time", utc(event.at)},
                          {"verb", event.verb},
                          {"generation", event.pair ? ordered_json(event.pair->path()) : ordered_json(nullptr)},
                          {"outcome", event.outcome},
                          {"detail", event.detail}});
        text += fmt::format("{}  {:<10} {:<11} {}{}{}\n", utc(event.at), event.verb, event.outcome,
                            event.pair ? event.pair->path() : "-", event.detail.empty() ? "" : "  ", event.detail);
    }
    if (record.history.empty()) text = readable ? "nothing has happened yet\n" : "the history is lost\n";
    report.result({{"schema", 1}, {"readable", readable}, {"events", events}}, text);
    return ExitCode::ok;
}

}  // namespace overdrive
