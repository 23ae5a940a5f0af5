#include "verbs/activator.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "model/gpu_architecture.hpp"
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
#include "verbs/activation_plan.hpp"
#include "verbs/busy_wait.hpp"
#include "verbs/cdi_keeper.hpp"
#include "verbs/daemons.hpp"
#include "verbs/loaded_driver.hpp"
#include "verbs/preflight.hpp"
#include "verbs/read_ahead.hpp"
#include "verbs/runtime_files.hpp"
#include "verbs/step_times.hpp"
#include "verbs/tell_state.hpp"

namespace overdrive {

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
          manifest_{with_parameters(services, store, local.facts, config, *local.manifest)},
          policy_{busy_policy(config, request.busy, request.inside_unit)},
          no_device_{local.facts.gpus.empty()},
          swaps_{!no_device_ && other_driver_loaded()},
          facts_{swaps_ ? after_unload(local.facts) : local.facts},
          cdi_{services, store, config, local, pair_, report} {}

    Activation run() {
        activation_.pair = pair_;
        std::optional<DriverLook> look;
        if (modules_are_in_force(store_, local_, manifest_)) look = look_at_driver(services_, store_, local_, config_);
        plan_ = look ? look->daemons : daemon_plan(services_, manifest_, local_.facts);
        if (look && look->state.usable()) {
            tell_daemons_to_run();
            if (cdi_.refresh(!no_device_)) {
                activation_.changed.emplace_back("tell container engines of the driver");
                activation_.result = Activation::Result::changed;
            }
            // A run that was cut off at its very end may have left this undone.
            note_good(activation_.changed);
            start_stopped_daemons();
            activation_.state = look->state;
            if (!runtime_state_tells(services_.root, local_, activation_.state)) tell_state(std::nullopt);
            return std::move(activation_);
        }
        const ReadAhead ahead{services_.root, files_to_load()};
        look_before_loading();
        BusyWait wait{services_, policy_, report_};
        while (true) {
            std::optional<Error> in_use = swaps_ ? what_holds_the_driver() : std::nullopt;
            if (!in_use) in_use = change();
            if (!in_use) return std::move(activation_);
            const BusyStep next = wait.after(*in_use);
            if (next == BusyStep::defer) return put_off(*in_use);
            if (next == BusyStep::refuse) refuse(*in_use);
        }
    }

private:
    /// The transaction. @return who came to use the loaded driver meanwhile; everything is as it was then
    [[nodiscard]] std::optional<Error> change() {
        Journal journal{store_.root(), store_.journal_path(), Journal::Policy::best_effort};
        Outcome outcome;
        tell_daemons_to_run();
        times_.begin("prepare");
        try {
            outcome = Transaction{steps()}.run(journal, make_journal_header(services_, local_, request_.verb, pair_),
                                               [&](const Step& step) {
                                                   times_.begin(step.id());
                                                   report_.note(step.name());
                                               });
        } catch (const Error& refused) {
            forget_stopped_daemons(services_.root);
            if (came_into_use(refused)) return refused;
            note_outcome(refused);
            throw;
        }
        if (!outcome.failure || outcome.restored()) forget_stopped_daemons(services_.root);
        if (outcome.failure) {
            if (outcome.restored() && came_into_use(*outcome.failure)) return outcome.failure;
            note_outcome(*outcome.failure);
            outcome.throw_if_failed();
        }
        succeed(outcome);
        return std::nullopt;
    }

    /// Before anything is touched. @throws Error as require_preflight
    void look_before_loading() {
        if (no_device_) return;
        times_.begin("preflight");
        activation_.findings = preflight(services_, store_, local_, config_, manifest_,
                                         request_.inside_unit ? Occasion::boot : Occasion::by_hand);
        try {
            require_preflight(activation_.findings, config_, report_);
        } catch (const Error& refused) {
            note_outcome(refused);
            throw;
        }
    }

    /// What the kernel reads first of all in an activation: the modules that it lacks, then the GPUs' firmware.
    [[nodiscard]] std::vector<std::string> files_to_load() const {
        std::vector<std::string> files;
        if (no_device_) return files;
        const std::string generation = store_.generation_path(pair_);
        for (const ModuleSpec& module : manifest_.modules) {
            if (module.autoload && facts_.loaded(module.name) == nullptr)
                files.push_back(fmt::format("{}/{}", generation, module.path));
        }
        std::set<std::string_view> wanted;
        for (const GpuFunction& gpu : local_.facts.gpus) {
            const auto architecture = architecture_of(gpu.device_id);
            if (architecture) wanted.insert(system_firmware_of(*architecture));
        }
        for (const std::string& path : manifest_.firmware) {
            if (wanted.contains(std::string_view{path}.substr(path.rfind('/') + 1)))
                files.push_back(fmt::format("{}/lib/firmware/{}", generation, path));
        }
        return files;
    }

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
        auto old = find_loaded_driver(store_, local_);
        if (old) old->manifest = with_parameters(services_, store_, local_.facts, config_, std::move(old->manifest));
        return std::make_unique<UnloadModules>(unload_ports(services_), std::move(old), daemons_);
    }

    /// Who keeps the loaded driver, by name; nullopt when it can go. Nothing is touched.
    [[nodiscard]] std::optional<Error> what_holds_the_driver() {
        daemons_ = daemons_to_stop(services_, policy_);
        try {
            unload_step()->prepare();
            return std::nullopt;
        } catch (const Error& error) {
            if (error.code() != Errc::module_busy) throw;
            return error;
        }
    }

    /// The caller wants it now or not at all.
    [[noreturn]] void refuse(const Error& in_use) const {
        throw Error{Errc::module_busy, fmt::format("{} cannot take over now: {}", pair_.path(), in_use.what())}
            .with_remedy("end what is named and try again, or leave '--now' out: then it takes over at the next boot");
    }

    Activation put_off(const Error& in_use) {
        report_.warn(fmt::format("driver {} is loaded and stays until the next boot, then {} takes over: {}",
                                 *local_.facts.driver_version, pair_.path(), in_use.what()));
        change_record_if_possible(store_, local_, report_, [&](Record& record) {
            if (record.pending == pair_) return;
            record.pending = pair_;
            record.add_event(event("pending", in_use.what()));
        });
        activation_.result = Activation::Result::at_reboot;
        activation_.state = observe(services_, store_, local_, config_);
        tell_state(std::nullopt);
        return std::move(activation_);
    }

    /// Before they are started; where it cannot be told, the driver is in force all the same.
    void tell_daemons_to_run() {
        for (const std::string& problem : plan_.problems) report_.warn(problem);
        try {
            services_.root.remove(kDetachedFile);
            tell_daemons(services_.root, plan_);
            note_stopped_daemons(services_.root, daemons_to_start());
        } catch (const Error& error) {
            report_.warn(fmt::format("ignoring that the driver's daemons cannot be told to run: {}", error.what()));
        }
    }

    /// A run that was cut off between the driver and its daemons left nothing else to do.
    void start_stopped_daemons() {
        if (!request_.daemons_were_stopped) return;
        StartDaemons{services_.units, daemons_to_start(), jobs()}.apply();
        forget_stopped_daemons(services_.root);
    }

    [[nodiscard]] Jobs jobs() const { return request_.inside_unit ? Jobs::queue : Jobs::wait; }

    /// Daemons that are stopped for this, or that a run before this one had stopped, and those that are to run with the
    /// new driver; in the order in which they are stopped.
    [[nodiscard]] std::vector<std::string> daemons_to_start() const {
        std::vector<std::string> units = daemons_;
        if ((!swaps_ && !request_.daemons_were_stopped) || !services_.units.reachable()) return units;
        const auto add = [&](const std::string& unit) {
            if (std::find(units.begin(), units.end(), unit) == units.end()) units.push_back(unit);
        };
        if (request_.daemons_were_stopped) {
            for (const std::string& unit : stopped_daemons(services_.root)) add(unit);
            add("nvidia-persistenced.service");
        }
        const std::vector<std::string> planned = plan_.units();
        std::for_each(planned.rbegin(), planned.rend(), add);
        std::erase_if(units, [&](const std::string& unit) { return !services_.units.active_state(unit); });
        return units;
    }

    [[nodiscard]] std::vector<std::unique_ptr<Step>> steps() {
        const std::string generation = store_.generation_path(pair_);
        std::vector<std::unique_ptr<Step>> steps;
        const auto add = [&](std::unique_ptr<Step> step) {
            if (step) steps.push_back(std::move(step));
        };
        if (swaps_) {
            add(cdi_.withdraw_step());
            steps.push_back(std::make_unique<StopDaemons>(services_.units, services_.clock, daemons_, jobs()));
            steps.push_back(unload_step());
        }
        if (!no_device_) {
            steps.push_back(
                std::make_unique<LoadModules>(services_.root, services_.modules, facts_, manifest_, generation));
        }
        steps.push_back(std::make_unique<PointCurrent>(store_, pair_));
        if (no_device_) {
            add(cdi_.write_step(false));
            return steps;
        }
        steps.push_back(std::make_unique<Expose>(services_.exposure,
                                                 exposure_plan(services_, store_, local_.facts, config_, manifest_),
                                                 previous_exposure_plan(services_, store_, local_, config_)));
        steps.push_back(std::make_unique<MakeNodes>(services_.nodes, manifest_.device_nodes));
        steps.push_back(std::make_unique<VerifyDriver>(services_.read_facts, services_.nodes, services_.processes,
                                                       manifest_, generation,
                                                       asks_smi_later() ? SmiPolicy::off : config_.nvidia_smi));
        const auto daemons = daemons_to_start();
        if (!daemons.empty()) steps.push_back(std::make_unique<StartDaemons>(services_.units, daemons, jobs()));
        // Last, when UUIDs are known: containers that start from now on get this driver.
        add(cdi_.write_step(true));
        return steps;
    }

    /// What nvidia-smi says only warns of something, and the node would wait for seconds: it is asked when the node
    /// runs, by the repair that nvidia-cdi.service does then.
    [[nodiscard]] bool asks_smi_later() const { return request_.inside_unit && config_.nvidia_smi == SmiPolicy::warn; }

    [[nodiscard]] Event event(std::string outcome, std::string detail) const {
        return {services_.clock.wall(), std::string{request_.verb}, pair_, std::move(outcome), std::move(detail)};
    }

    /// What is told to others must not undo what was done.
    void tell_state(const std::optional<Error>& failure) {
        try {
            write_runtime_state(services_, config_, local_, activation_.state, failure);
        } catch (const Error& error) {
            report_.warn(fmt::format("going on, although the state could not be written below /run/overdrive: {}",
                                     error.what()));
        }
    }

    void note_outcome(const std::optional<Error>& failure) {
        local_.facts = services_.read_facts();
        std::vector<std::string> ignored;
        local_.current = read_current(store_, ignored);
        if (!failure) forget_failure(services_.root);  // it must not outlive a success
        activation_.state = observe(services_, store_, local_, config_);
        if (failure) activation_.state = {StateWord::degraded, DegradedBecause::activation_failed, failure->what()};
        tell_state(failure);
    }

    /// @param changed names of the steps that changed something
    void note_good(const std::vector<std::string>& changed) {
        change_record_if_possible(store_, local_, report_, [&](Record& record) {
            record.forget_attempt(pair_);
            if (record.pending == pair_) record.pending.reset();
            record.last_good.insert_or_assign(local_.facts.kernel_release, pair_);
            if (changed.empty()) return;
            std::string detail = fmt::format("{}", fmt::join(changed, ", "));
            if (const std::string times = times_.text(); !times.empty()) detail += fmt::format(" ({})", times);
            record.add_event(event("activated", std::move(detail)));
        });
    }

    /// What is left to do beside it must not undo what was done.
    void settle_cdi() {
        try {
            cdi_.settle();
        } catch (const Error& error) {
            report_.warn(
                fmt::format("going on, although not all could be put in order for containers: {}", error.what()));
        }
    }

    void succeed(Outcome& outcome) {
        const Uninterruptible until_told;  // it is done; a signal that comes now must not make it look undone
        times_.begin("settle");
        settle_cdi();
        note_good(outcome.changed);
        if (asks_smi_later() && !no_device_) services_.root.write_file(kSmiDueFile, "");
        note_outcome(std::nullopt);
        times_.end();
        activation_.times = times_.to_json();
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
    BusyPolicy policy_;
    bool no_device_;
    bool swaps_;                        ///< another driver has to be taken out first
    HostFacts facts_;                   ///< as they will be when it is
    std::vector<std::string> daemons_;  ///< that run now and have to stop first
    DaemonPlan plan_;
    CdiKeeper cdi_;
    StepTimes times_{services_.clock};
    Activation activation_;
};

}  // namespace

Activation activate_once(Services& services, Store& store, const Config& config, LocalState& local,
                         const ActivationRequest& request, Report& report) {
    return Activator{services, store, config, local, request, report}.run();
}

void change_record_if_possible(Store& store, LocalState& local, Report& report,
                               const std::function<void(Record&)>& change) {
    if (local.record_is_newer) return;  // activating needs no record, so a program that went back still boots
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

}  // namespace overdrive
