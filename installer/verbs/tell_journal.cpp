#include "verbs/tell_journal.hpp"

#include <fmt/format.h>

#include "support/visible_text.hpp"

namespace overdrive {

namespace {

// syslog(3)
constexpr int kError = 3;
constexpr int kWarning = 4;
constexpr int kNotice = 5;
constexpr int kInfo = 6;

constexpr std::string_view kFailed = "failed";

LogEntry entry_of(const Telling& telling, int priority, const char* message_id, std::string message) {
    LogEntry entry{.priority = priority, .message = visible_text(message), .message_id = message_id, .fields = {}};
    entry.fields["OVERDRIVE_VERB"] = telling.verb;
    if (telling.state) entry.fields["OVERDRIVE_KERNEL"] = telling.state->kernel_release;
    return entry;
}

void name_driver(LogEntry& entry, const std::string& driver, const std::string& os_key) {
    entry.fields["OVERDRIVE_DRIVER"] = driver;
    entry.fields["OVERDRIVE_OS_KEY"] = os_key;
}

LogEntry of_change(const Telling& telling) {
    const ToldState& state = *telling.state;
    const std::string generation = state.generation();
    LogEntry entry =
        entry_of(telling, state.usable() ? kNotice : kWarning, kStateMessageId,
                 fmt::format("NVIDIA driver{}: {}", generation.empty() ? "" : " " + generation, state.text()));
    entry.fields["OVERDRIVE_STATE"] = state.state;
    entry.fields["OVERDRIVE_REASON"] = state.reason.value_or(state.because);
    entry.fields["OVERDRIVE_PREVIOUS_STATE"] = telling.before ? telling.before->state : std::string{};
    name_driver(entry, state.driver.value_or(""), state.os_key.value_or(""));
    return entry;
}

LogEntry of_event(const Telling& telling, const Event& event) {
    const std::string path = event.pair ? event.pair->path() : std::string{};
    LogEntry entry = entry_of(telling, kInfo, kEventMessageId,
                              fmt::format("{}{}{}{}{}", event.outcome, path.empty() ? "" : " ", path,
                                          event.detail.empty() ? "" : ": ", event.detail));
    entry.fields["OVERDRIVE_OUTCOME"] = event.outcome;
    if (event.pair) name_driver(entry, event.pair->driver.text(), event.pair->os_key);
    return entry;
}

LogEntry of_failure(const Telling& telling) {
    const Error& error = *telling.failure;
    std::string message = fmt::format("{}: {}", telling.verb, error.what());
    if (!error.remedy().empty()) message += fmt::format("; what to do: {}", error.remedy());
    LogEntry entry = entry_of(telling, kError, kFailureMessageId, std::move(message));
    entry.fields["OVERDRIVE_REASON"] = reason_code(error.code());
    entry.fields["OVERDRIVE_EXIT_CODE"] = fmt::format("{}", static_cast<int>(exit_code_of(error.code())));
    if (telling.state) name_driver(entry, telling.state->driver.value_or(""), telling.state->os_key.value_or(""));
    return entry;
}

}  // namespace

void tell_journal(const Services& services, const Telling& telling) {
    for (const Event& event : telling.events) {
        if (telling.failure != nullptr && event.outcome == kFailed) continue;  // it follows, with its remedy
        log_entry(services, of_event(telling, event));
    }
    if (telling.failure != nullptr) log_entry(services, of_failure(telling));
    if (telling.is_change()) log_entry(services, of_change(telling));
}

}  // namespace overdrive
