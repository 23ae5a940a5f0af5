#include "verbs/told_state.hpp"

#include <fmt/format.h>

#include "model/json_reader.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr int kSchema = 1;
constexpr std::size_t kMostBytes = 1U << 20U;

ordered_json nullable(const std::optional<std::string>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
}

}  // namespace

std::string ToldState::to_json() const {
    const ordered_json json{{"schema", kSchema},
                            {"min_reader", 1},
                            {"state", state},
                            {"because", because},
                            {"why", why},
                            {"driver", nullable(driver)},
                            {"os_key", nullable(os_key)},
                            {"kernel_release", kernel_release},
                            {"boot_id", boot_id},
                            {"failure", nullable(failure)},
                            {"reason", nullable(reason)},
                            {"updated_at", updated_at.count()}};
    return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string ToldState::generation() const {
    return driver && os_key ? fmt::format("{}/{}", *driver, *os_key) : std::string{};
}

std::string ToldState::text() const { return why.empty() ? state : fmt::format("{}: {}", state, why); }

bool ToldState::usable() const {
    return state != to_string(StateWord::degraded) || because == to_string(DegradedBecause::returned) ||
           because == to_string(DegradedBecause::daemons);
}

bool ToldState::is_change_of(const ToldState& before) const {
    return state != before.state || because != before.because || driver != before.driver || os_key != before.os_key ||
           reason != before.reason;
}

std::optional<ToldState> read_told_state(const Root& root, const char* path) {
    try {
        const auto text = root.read_file(path, kMostBytes);
        if (!text) return std::nullopt;
        const JsonReader reader = JsonReader::parse(*text, path, Errc::bad_record);
        reader.require_reader(kSchema);
        return ToldState{.state = reader.string("state"),
                         .because = reader.string("because"),
                         .why = reader.string("why"),
                         .driver = reader.optional_string("driver"),
                         .os_key = reader.optional_string("os_key"),
                         .kernel_release = reader.string("kernel_release"),
                         .boot_id = reader.string("boot_id"),
                         .failure = reader.optional_string("failure"),
                         .reason = reader.optional_string("reason"),
                         .updated_at = std::chrono::seconds{reader.number_or("updated_at", 0)}};
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace overdrive
