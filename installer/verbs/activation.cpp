#include "verbs/activation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "store/verify_generation.hpp"
#include "support/interruption.hpp"
#include "transaction/steps/expose.hpp"
#include "transaction/steps/load_modules.hpp"
#include "transaction/steps/make_nodes.hpp"
#include "transaction/steps/point_current.hpp"
#include "transaction/steps/start_daemons.hpp"
#include "transaction/steps/stop_daemons.hpp"
#include "transaction/steps/unload_modules.hpp"
#include "transaction/steps/verify_driver.hpp"
#include "transaction/transaction.hpp"
#include "verbs/loaded_driver.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

ExposurePlan exposure_plan(Services& services, const Store& store, const HostFacts& facts, const Config& config,
                           const DriverManifest& manifest) {
    const OsProfile& profile = profile_for(facts.os_release.id());
    const bool overlay = choose_mode(profile, facts, config.exposure) == ExposureMode::overlay;
    return plan_exposure(profile, facts, manifest, store.generation_path(manifest.pair()), config.exposure,
                         overlay ? services.exposure.base_names("/usr/lib64") : std::vector<std::string>{});
}

/// What undo puts back: the plan of the generation that `current` named before.
std::optional<ExposurePlan> previous_plan(Services& services, const Store& store, const LocalState& local,
                                          const Config& config) {
    if (!local.current || local.current == local.selection.pair) return std::nullopt;
    try {
        const DriverManifest manifest = store.read_manifest(*local.current);
        ExposurePlan plan = exposure_plan(services, store, local.facts, config, manifest);
        if (services.exposure.inspect(plan) == Exposure::State::absent) return std::nullopt;
        return plan;
    } catch (const Error&) {
        return std::nullopt;  // the old generation is gone: there is nothing that could be put back
    }
}

/// Changes the record where it may be changed; a disk that is full or read-only must not undo an activation.
void change_record(Store& store, LocalState& local, Report& report, const std::function<void(Record&)>& change) {
    if (store.record_is_newer()) return;  // activating needs no record, so a program that went back still boots
    Record record = local.record.value_or(Record{});
    change(record);
    if (local.record == record) return;
    local.record = record;
    try {
        store.save_record(record);
    } catch (const Error& error) {
        report.warn(fmt::format("ignoring that the record cannot be written: {}", error.what()));
    }
}

/// Whether everything an activation makes is there already, so that running it again costs a look and no more.
bool in_force(Services& services, const Store& store, const Config& config, const LocalState& local,
              const DriverManifest& manifest) {
    const std::string firmware = store.generation_path(manifest.pair()) + "/lib/firmware";
    const bool firmware_set = manifest.firmware.empty() || !is_ours_or_unset(local.facts.firmware_path) ||
                              local.facts.firmware_path == firmware;
    const bool optional_loaded = std::all_of(
        manifest.modules.begin(), manifest.modules.end(),
        [&](const ModuleSpec& module) { return !module.autoload || local.facts.loaded(module.name) != nullptr; });
    return firmware_set && optional_loaded && observe(services, store, local, config).usable();
}

}  // namespace

std::vector<std::string> describe_activation(Services& services, const Store& store, const LocalState& local,
                                             const Config& config, const DriverManifest& manifest) {
    std::vector<std::string> steps;
    if (local.current != manifest.pair()) steps.push_back(fmt::format("point 'current' at {}", manifest.pair().path()));
    if (local.facts.gpus.empty()) return steps;
    const bool swaps = local.facts.driver_version && *local.facts.driver_version != manifest.driver_version;
    if (swaps) steps.push_back(fmt::format("unload driver {}", *local.facts.driver_version));
    for (const ModuleSpec& module : manifest.modules) {
        if (module.autoload && (swaps || local.facts.loaded(module.name) == nullptr))
            steps.push_back(fmt::format("load {}", module.path));
    }
    const ExposurePlan plan = exposure_plan(services, store, local.facts, config, manifest);
    if (services.exposure.inspect(plan) != Exposure::State::healthy) {
        steps.push_back(
            plan.mode == ExposureMode::overlay
                ? fmt::format("lay {} libraries over {} (read-only overlay)", plan.libraries.size(), plan.target)
                : fmt::format("name {} to the linker", plan.library_directory));
        steps.push_back(fmt::format("link {} programs into {}", plan.programs.size(), plan.program_directory));
    }
    for (const std::string& node : services.nodes.missing(manifest.device_nodes))
        steps.push_back(fmt::format("make {}", node));
    return steps;
}

namespace {

/// One try at one generation.
class Activator {
public:
    Activator(Services& services, Store& store, const Config& config, LocalState& local,
              const ActivationRequest& request, Report& report)
        : services_{services},
          store_{store},
          config_{config},
          local_{local},
          request_{request},
          report_{report},
          pair_{*local.selection.pair},
          manifest_{*local.manifest},
          no_device_{local.facts.gpus.empty()},
          swaps_{!no_device_ && other_driver_loaded()},
          facts_{swaps_ ? after_unload(local.facts) : local.facts} {}

    Activation run() {
        activation_.pair = pair_;
        if (in_force(services_, store_, config_, local_, manifest_)) {
            // A run that was cut off at its very end may have left this undone.
            note_good({});
            activation_.state = observe(services_, store_, local_, config_);
            if (!runtime_state_tells(services_.root, local_, activation_.state)) tell_state(std::nullopt);
            return std::move(activation_);
        }
        if (swaps_) {
            if (const auto in_use = what_holds_the_driver()) return put_off(*in_use);
        }
        Journal journal{store_.root(), store_.journal_path(), Journal::Policy::best_effort};
        Outcome outcome;
        try {
            outcome = Transaction{steps()}.run(journal, make_journal_header(services_, local_, request_.verb, pair_),
                                               [&](const Step& step) { report_.note(step.name()); });
        } catch (const Error& refused) {
            if (came_into_use(refused)) return put_off(refused);
            note_outcome(refused.what());
            throw;
        }
        if (outcome.failure) {
            if (outcome.restored() && came_into_use(*outcome.failure)) return put_off(*outcome.failure);
            note_outcome(outcome.failure->what());
            outcome.throw_if_failed();
        }
        succeed(outcome);
        return std::move(activation_);
    }

private:
    /// Another version; or the same one with other modules (open or proprietary), which only its generation tells.
    [[nodiscard]] bool other_driver_loaded() const {
        if (!local_.facts.driver_version) return false;
        if (*local_.facts.driver_version != manifest_.driver_version) return true;
        return local_.current && local_.current->driver != pair_.driver &&
               !is_loaded_from(local_.facts, manifest_, store_.generation_path(pair_));
    }

    /// Somebody came, or a daemon did not go, after we had looked.
    [[nodiscard]] bool came_into_use(const Error& error) const { return swaps_ && error.code() == Errc::module_busy; }

    [[nodiscard]] std::unique_ptr<UnloadModules> unload_step() const {
        return std::make_unique<UnloadModules>(unload_ports(services_), find_loaded_driver(store_, local_), daemons_);
    }

    /// Who keeps the loaded driver, by name; nullopt when it can go. Nothing is touched.
    [[nodiscard]] std::optional<Error> what_holds_the_driver() {
        daemons_ = running_units(services_.units, {kDriverDaemons.begin(), kDriverDaemons.end()});
        try {
            unload_step()->prepare();
            return std::nullopt;
        } catch (const Error& error) {
            if (error.code() != Errc::module_busy) throw;
            return error;
        }
    }

    Activation put_off(const Error& in_use) {
        report_.warn(fmt::format("driver {} is loaded and stays until the next boot, then {} takes over: {}",
                                 *local_.facts.driver_version, pair_.path(), in_use.what()));
        change_record(store_, local_, report_, [&](Record& record) {
            if (record.pending == pair_) return;
            record.pending = pair_;
            record.add_event(event("pending", in_use.what()));
        });
        activation_.result = Activation::Result::at_reboot;
        activation_.state = observe(services_, store_, local_, config_);
        tell_state(std::nullopt);
        return std::move(activation_);
    }

    /// Daemons that run now, or that a run before this one had stopped.
    [[nodiscard]] std::vector<std::string> daemons_to_start() const {
        if (!daemons_.empty() || !request_.daemons_were_stopped || !services_.units.reachable()) return daemons_;
        return {"nvidia-persistenced.service"};
    }

    [[nodiscard]] std::vector<std::unique_ptr<Step>> steps() {
        const std::string generation = store_.generation_path(pair_);
        const Jobs jobs = request_.inside_unit ? Jobs::queue : Jobs::wait;
        std::vector<std::unique_ptr<Step>> steps;
        if (swaps_) {
            steps.push_back(std::make_unique<StopDaemons>(services_.units, services_.clock, daemons_, jobs));
            steps.push_back(unload_step());
        }
        if (!no_device_) {
            steps.push_back(
                std::make_unique<LoadModules>(services_.root, services_.modules, facts_, manifest_, generation));
        }
        steps.push_back(std::make_unique<PointCurrent>(store_, pair_));
        if (no_device_) return steps;
        steps.push_back(std::make_unique<Expose>(services_.exposure,
                                                 exposure_plan(services_, store_, local_.facts, config_, manifest_),
                                                 previous_plan(services_, store_, local_, config_)));
        steps.push_back(std::make_unique<MakeNodes>(services_.nodes, manifest_.device_nodes));
        steps.push_back(std::make_unique<VerifyDriver>(services_.read_facts, services_.nodes, services_.processes,
                                                       manifest_, generation, config_.nvidia_smi));
        const auto daemons = daemons_to_start();
        if (!daemons.empty()) steps.push_back(std::make_unique<StartDaemons>(services_.units, daemons, jobs));
        return steps;
    }

    [[nodiscard]] Event event(std::string outcome, std::string detail) const {
        return {services_.clock.wall(), std::string{request_.verb}, pair_, std::move(outcome), std::move(detail)};
    }

    /// What is told to others must not undo what was done.
    void tell_state(const std::optional<std::string>& failure) {
        try {
            write_runtime_state(services_, local_, activation_.state, failure);
        } catch (const Error& error) {
            report_.warn(fmt::format("ignoring that the state cannot be told: {}", error.what()));
        }
    }

    void note_outcome(const std::optional<std::string>& failure) {
        local_.facts = services_.read_facts();
        std::vector<std::string> ignored;
        local_.current = read_current(store_, ignored);
        if (!failure) forget_failure(services_.root);  // it must not outlive a success
        activation_.state = observe(services_, store_, local_, config_);
        if (failure) activation_.state = {StateWord::degraded, DegradedBecause::activation_failed, *failure};
        tell_state(failure);
    }

    /// @param changed names of the steps that changed something
    void note_good(const std::vector<std::string>& changed) {
        change_record(store_, local_, report_, [&](Record& record) {
            record.forget_attempt(pair_);
            if (record.pending == pair_) record.pending.reset();
            record.last_good.insert_or_assign(local_.facts.kernel_release, pair_);
            if (!changed.empty()) record.add_event(event("activated", fmt::format("{}", fmt::join(changed, ", "))));
        });
    }

    void succeed(Outcome& outcome) {
        const Uninterruptible until_told;  // it is done; a signal that comes now must not make it look undone
        note_good(outcome.changed);
        note_outcome(std::nullopt);
        activation_.changed = std::move(outcome.changed);
        activation_.result = no_device_                    ? Activation::Result::no_device
                             : activation_.changed.empty() ? Activation::Result::nothing_to_do
                                                           : Activation::Result::changed;
    }

    Services& services_;
    Store& store_;
    const Config& config_;
    LocalState& local_;
    const ActivationRequest& request_;
    Report& report_;
    Pair pair_;
    DriverManifest manifest_;
    bool no_device_;
    bool swaps_;       ///< another driver has to be taken out first
    HostFacts facts_;  ///< as they will be when it is
    std::vector<std::string> daemons_;
    Activation activation_;
};

/// Whether every byte of a generation is still what was installed; a warning says what is not.
bool is_intact(Services& services, const Store& store, const Pair& pair, Report& report) {
    report.note(fmt::format("checking every byte of {} before it is relied on", pair.path()));
    for (const Difference& difference : verify_generation(store, pair, {}, services.progress)) {
        report.warn(fmt::format("{} is not used: '{}' {}", pair.path(), difference.path, difference.what));
        return false;
    }
    return true;
}

}  // namespace

bool speaks_against_driver(const Error& error) noexcept {
    switch (error.code()) {
        case Errc::module_load:
        case Errc::verify_failed:
        case Errc::incomplete_artifact:
        case Errc::digest_mismatch:
        case Errc::bad_manifest:
            return true;
        default:
            return false;
    }
}

namespace {

/// Whether another driver may do better: also where the fault may be the host's, which is not held against the driver.
bool is_worth_another_try(const Error& error) {
    return speaks_against_driver(error) || error.code() == Errc::exposure || error.code() == Errc::device_nodes;
}

}  // namespace

Activation activate_selected(Services& services, Store& store, const Config& config, LocalState local,
                             const ActivationRequest& request, Report& report) {
    std::optional<Error> first;
    while (true) {
        const Pair pair = *local.selection.pair;
        std::optional<Error> failure;
        try {
            if (first && !is_intact(services, store, pair, report))
                throw Error{Errc::digest_mismatch, fmt::format("{} is damaged", pair.path())};
            Activation activation = Activator{services, store, config, local, request, report}.run();
            if (!first) return activation;
            activation.result = Activation::Result::returned;
            activation.failure = std::move(first);
            return activation;
        } catch (const Error& error) {
            if (!is_worth_another_try(error)) throw;
            failure = error;
        }
        const std::string reason = fmt::format("{}: {}", reason_code(failure->code()), failure->what());
        const Attempt attempt{pair, local.facts.boot_id, reason, 0};
        if (speaks_against_driver(*failure)) {
            change_record(store, local, report, [&](Record& record) {
                record.remember(attempt);
                record.add_event({services.clock.wall(), std::string{request.verb}, pair, "failed", reason});
            });
        }
        if (!local.record) local.record.emplace();
        local.record->remember(attempt);  // in this run it is not tried again
        if (!first) first = failure;
        std::vector<std::string> warnings;
        select_by_rules(local, store, config, warnings);
        if (!local.selection.pair || local.record->attempt(*local.selection.pair) != nullptr) throw Error{*first};
        report.warn(fmt::format("{} failed: {}", pair.path(), failure->what()));
        report.note(explain(local.selection, local.facts.kernel_release));
    }
}

void want_again(Store& store, const std::optional<Record>& before) {
    const auto now = store.load_usable_record();
    if (!now) return;
    Record record = *now;
    const Record earlier = before.value_or(Record{});
    record.wanted = earlier.wanted;
    record.desired = earlier.desired;
    record.rolled_back = earlier.rolled_back;
    if (record != now) store.save_record(record);
}

JournalHeader make_journal_header(const Services& services, const LocalState& local, std::string_view verb,
                                  const Pair& to) {
    return {.verb = std::string{verb},
            .program_version = services.program.version,
            .boot_id = local.facts.boot_id,
            .at = services.clock.wall(),
            .from = local.current,
            .to = to};
}

void throw_if_returned(const Activation& activation) {
    if (!activation.failure) return;
    Error error{activation.failure->code(),
                fmt::format("{}; {} is in force", activation.failure->what(), activation.pair->path())};
    throw std::move(error).with_remedy(activation.failure->remedy());
}

}  // namespace overdrive
