#include "verbs/history.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
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

/// `12h` -> 12 hours; nullopt when it is none.
std::optional<std::chrono::seconds> read_span(std::string_view text) {
    constexpr std::array<std::pair<char, std::chrono::seconds>, 4> kUnits{{{'s', std::chrono::seconds{1}},
                                                                           {'m', std::chrono::minutes{1}},
                                                                           {'h', std::chrono::hours{1}},
                                                                           {'d', std::chrono::days{1}}}};
    if (text.size() < 2) return std::nullopt;
    std::uint32_t count = 0;
    const char* const last = text.data() + text.size() - 1;
    const auto [end, error] = std::from_chars(text.data(), last, count);
    const auto* const unit =
        std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& each) { return each.first == *last; });
    if (error != std::errc{} || end != last || unit == kUnits.end()) return std::nullopt;
    return count * unit->second;
}

}  // namespace

std::chrono::seconds read_moment(const std::string& text, std::chrono::seconds now) {
    if (const auto span = read_span(text)) return now - *span;
    for (const char* format : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
        std::tm parts{};
        const char* const end = strptime(text.c_str(), format, &parts);
        if (end != nullptr && *end == '\0') return std::chrono::seconds{timegm(&parts)};
    }
    throw Error{Errc::usage, fmt::format("'{}' is no time", text)}.with_remedy(
        "write a time in UTC like '2026-11-21 09:12', or how long ago like '12h' or '7d'");
}

ExitCode run_history(const HistoryOptions& options, Services& services, Report& report) {
    const auto since =
        options.since.empty() ? std::chrono::seconds::min() : read_moment(options.since, services.clock.wall());
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
    std::vector<Event> shown;
    std::copy_if(record.history.begin(), record.history.end(), std::back_inserter(shown),
                 [&](const Event& event) { return event.at >= since; });
    if (options.most != 0 && shown.size() > options.most)
        shown.erase(shown.begin(), shown.end() - static_cast<std::ptrdiff_t>(options.most));
    for (const Event& event : shown) {
        events.push_back({{"at", event.at.count()},
                          {"time", utc(event.at)},
                          {"verb", event.verb},
                          {"generation", event.pair ? ordered_json(event.pair->path()) : ordered_json(nullptr)},
                          {"outcome", event.outcome},
                          {"detail", event.detail}});
        text += fmt::format("{}  {:<10} {:<11} {}{}{}\n", utc(event.at), event.verb, event.outcome,
                            event.pair ? event.pair->path() : "-", event.detail.empty() ? "" : "  ", event.detail);
    }
    if (record.history.empty()) {
        text = readable ? "nothing has happened yet\n" : "the history is lost\n";
    } else if (shown.empty()) {
        text = fmt::format("nothing has happened since {}\n", utc(since));
    }
    report.result({{"schema", 1}, {"readable", readable}, {"events", events}}, text);
    return ExitCode::ok;
}

}  // namespace overdrive
