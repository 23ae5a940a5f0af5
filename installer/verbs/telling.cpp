#include "verbs/telling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "store/store.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/runtime_files.hpp"
#include "verbs/tell_hooks.hpp"
#include "verbs/tell_journal.hpp"
#include "verbs/tell_metrics.hpp"

namespace overdrive {

namespace {

/// The record's file; empty when there is none or it cannot be read.
std::string record_text(const Root& root) {
    try {
        return root.read_file(Store{root}.record_path()).value_or("");
    } catch (const Error&) {
        return {};
    }
}

/// The history as far as it can be read; a damaged record tells nothing.
std::vector<Event> history_in(const std::string& text) {
    try {
        return Record::parse(text).history;
    } catch (const Error&) {
        return {};
    }
}

/// The events of one record that come after the last one of a record before it and are of this verb, or of the recovery
/// that it began with: another run may have ended while this one waited for the lock.
std::vector<Event> added(const std::string& text_before, const std::string& text, std::string_view verb) {
    if (text == text_before) return {};
    const std::vector<Event> before = history_in(text_before);
    const std::vector<Event> now = history_in(text);
    const auto last = before.empty() ? now.rend() : std::find(now.rbegin(), now.rend(), before.back());
    std::vector<Event> events;
    std::copy_if(last.base(), now.end(), std::back_inserter(events),
                 [&](const Event& event) { return event.verb == verb || event.verb == "recover"; });
    return events;
}

/// One run and what was known before it.
class Run {
public:
    Run(std::string_view verb, Services& services, Report& report)
        : services_{services}, report_{report}, begun_{services.clock.steady()}, record_{record_text(services.root)} {
        telling_.verb = verb;
    }

    /// @param failure what ended the verb; nullptr when it did its work
    void tell(const Error* failure) noexcept {
        telling_.failure = failure;
        ignoring("the listeners", [&] { look(); });
        ignoring("the journal", [&] { tell_journal(services_, telling_); });
        ignoring("metrics and hooks", [&] { tell_by_configuration(); });
    }

private:
    void look() {
        telling_.took = std::chrono::duration_cast<std::chrono::milliseconds>(services_.clock.steady() - begun_);
        telling_.events = added(record_, record_text(services_.root), telling_.verb);
        telling_.state = read_told_state(services_.root, kStatusFile);
        telling_.before = read_told_state(services_.root, kToldFile);
        if (!telling_.is_change()) return;
        try {
            // First of all: a hook that runs this program must not be told the same change again, and again.
            services_.root.write_file(kToldFile, telling_.state->to_json());
        } catch (const Error&) {
            telling_.state.reset();
            throw;
        }
    }

    void tell_by_configuration() {
        const Config config = load_config(services_.root, {}, Strictness::boot);
        ignoring("the metrics file", [&] { tell_metrics(services_, config, telling_); });
        tell_hooks(services_, config, telling_, report_);
    }

    template <typename Body>
    void ignoring(std::string_view listener, Body&& body) noexcept {
        try {
            std::forward<Body>(body)();
        } catch (const std::exception& error) {
            report_.warn(fmt::format("{} could not be told what this run did: {}", listener, error.what()));
        }
    }

    Services& services_;
    Report& report_;
    std::chrono::steady_clock::time_point begun_;
    std::string record_;  ///< as it was
    Telling telling_;
};

}  // namespace

ExitCode run_telling(std::string_view verb, Services& services, Report& report, const std::function<ExitCode()>& body) {
    if (services.program.in_container || !services.program.is_root) return body();
    Run run{verb, services, report};
    try {
        const ExitCode code = body();
        run.tell(nullptr);
        return code;
    } catch (const Error& error) {
        run.tell(&error);
        throw;
    }
}

void log_entry(const Services& services, const LogEntry& entry) {
    if (services.log) services.log(entry);
}

}  // namespace overdrive
