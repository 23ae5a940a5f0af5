#include "verbs/tell_metrics.hpp"

#include <fmt/format.h>

#include <array>

#include "model/metrics_text.hpp"
#include "model/os_profile.hpp"
#include "verbs/local_state.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostBytes = 1U << 20U;
/// More samples of a kind than verbs times reasons: the file is not ours.
constexpr std::size_t kMostSamples = 1000;

/// A metric with a sample for each verb, kept from one run to the next.
struct Kept {
    std::string_view name;
    std::string_view type;
    std::string_view help;
};
constexpr Kept kFailures{"overdrive_failures_total", "counter", "Runs that failed, by verb and reason code."};
constexpr Kept kSuccess{"overdrive_last_success_timestamp_seconds", "gauge",
                        "When a run of this verb last did its work."};
constexpr Kept kLastRun{"overdrive_last_run_timestamp_seconds", "gauge", "When a run of this verb last ended."};
constexpr Kept kDuration{"overdrive_last_run_duration_seconds", "gauge", "How long the last run of this verb took."};

class Metrics {
public:
    Metrics(Services& services, const Config& config, const Telling& telling, std::string before)
        : services_{services}, telling_{telling}, before_{std::move(before)} {
        const Store store{services.root};
        std::vector<std::string> ignored;
        local_ = read_local_state(services, store, config, ignored);
        state_ = observe(services, store, local_, config);
    }

    std::string text() {
        add_node();
        add_installed();
        add_runs();
        return text_.text();
    }

private:
    void add_node() {
        const HostFacts& facts = local_.facts;
        const std::string os = os_key(profile_for(facts.os_release.id()), facts.os_release, facts.kernel_release);
        text_.begin("overdrive_info", "gauge", "This node: its current driver, OS release, kernel and program.");
        text_.add({{"driver", local_.current ? local_.current->driver.text() : ""},
                   {"os_key", os},
                   {"kernel", facts.kernel_release},
                   {"loaded", facts.driver_version.value_or("")},
                   {"version", services_.program.version}},
                  1);
        text_.begin("overdrive_state", "gauge", "1 for the state that the node is in, 0 for the others.");
        for (const StateWord word : {StateWord::ready, StateWord::no_device, StateWord::degraded})
            text_.add({{"state", std::string{to_string(word)}}}, state_.word == word ? 1 : 0);
        text_.begin("overdrive_usable", "gauge", "Whether a driver works or none is needed.");
        text_.add("", state_.usable() ? 1 : 0);
        if (state_.word == StateWord::degraded) {
            text_.begin("overdrive_degraded_info", "gauge", "Why the node is degraded.");
            text_.add({{"reason", std::string{to_string(state_.because)}}}, 1);
        }
        text_.begin("overdrive_gpus", "gauge", "NVIDIA GPUs on the PCI bus.");
        text_.add("", static_cast<double>(facts.gpus.size()));
    }

    void add_installed() {
        text_.begin("overdrive_generation_info", "gauge", "The drivers that are installed.");
        for (const GenerationInfo& generation : local_.generations) {
            text_.add({{"driver", generation.pair.driver.text()},
                       {"os_key", generation.pair.os_key},
                       {"kernel", generation.kernel_release}},
                      1);
        }
        text_.begin("overdrive_pending", "gauge", "Whether a driver waits for the next boot to take over.");
        text_.add("", local_.record && local_.record->pending ? 1 : 0);
    }

    void add_runs() {
        const auto now = static_cast<double>(services_.clock.wall().count());
        const std::string verb = MetricsText::written({{"verb", std::string{telling_.verb}}});
        const auto reason = failure();
        add_kept(kFailures,
                 reason ? MetricsText::written({{"verb", std::string{telling_.verb}}, {"reason", *reason}}) : "",
                 [](double before) { return before + 1; });
        add_kept(kSuccess, reason ? "" : verb, [now](double /*before*/) { return now; });
        add_kept(kLastRun, verb, [now](double /*before*/) { return now; });
        const double seconds = std::chrono::duration<double>{telling_.took}.count();
        add_kept(kDuration, verb, [seconds](double /*before*/) { return seconds; });
    }

    /// The reason code of this run's failure. At boot a failed activation is no failure of the run, but of the driver.
    [[nodiscard]] std::optional<std::string> failure() const {
        if (telling_.failure != nullptr) return std::string{reason_code(telling_.failure->code())};
        if (telling_.is_change() && telling_.state->failure) return telling_.state->reason.value_or("io");
        return std::nullopt;
    }

    /// @param labels of the sample that this run changes; empty for none
    template <typename Change>
    void add_kept(const Kept& metric, const std::string& labels, Change&& change) {
        auto samples = read_metric(before_, metric.name);
        if (!labels.empty()) samples[labels] = change(samples[labels]);
        if (samples.empty() || samples.size() > kMostSamples) return;
        text_.begin(metric.name, metric.type, metric.help);
        for (const auto& [each, value] : samples) text_.add(each, value);
    }

    Services& services_;
    const Telling& telling_;
    std::string before_;  ///< the file as the run before this one wrote it
    LocalState local_;
    DriverState state_;
    MetricsText text_;
};

}  // namespace

void tell_metrics(Services& services, const Config& config, const Telling& telling) {
    if (config.metrics_directory.empty()) return;
    if (!services.root.exists(config.metrics_directory)) {
        throw Error{Errc::io, fmt::format("the metrics directory '{}' is not there", config.metrics_directory)};
    }
    const std::string file = fmt::format("{}/{}", config.metrics_directory, kMetricsFile);
    if (telling.verb == "uninstall" && telling.failure == nullptr) {
        services.root.remove(file);
        return;
    }
    Metrics metrics{services, config, telling, services.root.read_file(file, kMostBytes).value_or("")};
    services.root.write_file(file, metrics.text());
}

}  // namespace overdrive
