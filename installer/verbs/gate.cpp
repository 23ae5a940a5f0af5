#include "verbs/gate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "model/json_reader.hpp"
#include "model/reboot_gate.hpp"
#include "support/interruption.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/pending_driver.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;
using std::chrono::seconds;

constexpr int kSchema = 1;
constexpr std::size_t kMostBytes = 64U << 10U;
/// While reboots are held: how often it looks for the driver, and how often it asks the OS what is pending.
constexpr seconds kLookAgain{5};
constexpr seconds kAskAgain{60};

/// What whoever knows the pending OS says.
struct Pending {
    std::optional<PendingOs> os;
    std::optional<std::string> failure;  ///< it does not answer
};

/// The answer and all that it is told with.
struct Verdict {
    GateAnswer answer = GateAnswer::no_pending_os;
    std::string why;
    Pending pending;
    std::optional<std::string> generation;  ///< the one that the next boot uses, or that is missing
    std::vector<std::string> nearest;
    GateFacts facts;
};

seconds monotonic(Services& services) {
    return std::chrono::duration_cast<seconds>(services.clock.steady().time_since_epoch());
}

Pending ask_os(const Services& services) {
    if (!services.find_pending_os) return {};
    try {
        return {.os = services.find_pending_os(), .failure = {}};
    } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        return {.os = {}, .failure = error.what()};
    }
}

/// What `read` makes of a note in /run; nullopt where there is none, or one that is damaged or not ours.
template <typename Read>
auto read_note(const Root& root, const char* path, Read&& read)
    -> std::optional<decltype(read(std::declval<JsonReader>()))> {
    const auto text = root.read_file(path, kMostBytes);
    if (!text) return std::nullopt;
    try {
        return read(JsonReader::parse(*text, path, Errc::bad_record));
    } catch (const Error&) {
        return std::nullopt;
    }
}

seconds seconds_in(const JsonReader& note, const std::string& name) {
    return seconds{static_cast<seconds::rep>(note.number(name))};
}

/// How long `pending` has been waiting; begins to count where the caller may write that down.
seconds waited(Services& services, const std::string& pending) {
    const seconds now = monotonic(services);
    const auto since = read_note(services.root, kGateFile, [&](const JsonReader& note) {
        return note.string("pending") == pending ? seconds_in(note, "since_s") : seconds::max();
    });
    if (since && *since <= now) return now - *since;
    if (services.program.is_root) {
        services.root.make_directories(kRunDirectory);
        const ordered_json json{{"schema", kSchema}, {"pending", pending}, {"since_s", now.count()}};
        services.root.write_file(kGateFile, json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    }
    return seconds{0};
}

/// An empty file, or one that somebody wrote by hand, allows until the next boot.
bool is_allowed(Services& services) {
    if (!services.root.exists(kGateAllowFile)) return false;
    const auto until =
        read_note(services.root, kGateAllowFile, [](const JsonReader& note) { return seconds_in(note, "until_s"); });
    return !until || monotonic(services) < *until;
}

/// The pair that was staged, where update_engine does not know any more what is pending.
std::optional<Pair> staged_before(const Store& store, const LocalState& local, const PendingOs& pending) {
    if (!pending.os_key.empty() || !local.record || !local.record->staged) return std::nullopt;
    const Pair& pair = local.record->staged->pair;
    const auto generation = store.find_generation(pair);
    if (!generation || generation->kernel_release == local.facts.kernel_release) return std::nullopt;
    return pair;
}

std::string missing_name(const LocalState& local, const PendingOs& pending) {
    return fmt::format("{}/{}", local.wanted ? local.wanted->text : std::string{"a driver"}, pending.os_key);
}

std::string why_missing(const Verdict& verdict, const Services& services) {
    std::string why = fmt::format("{} is pending and its driver is not installed: {}", to_text(*verdict.pending.os),
                                  *verdict.generation);
    if (!verdict.nearest.empty())
        why += fmt::format("; the nearest installed are {}", fmt::join(verdict.nearest, ", "));
    const auto failure = read_staging_failure(services.root);
    if (failure && failure->os_key == verdict.pending.os->os_key)
        why += fmt::format("; the last staging failed: {}", failure->message);
    return why;
}

std::string why_not_known(const Verdict& verdict) {
    if (verdict.pending.failure)
        return fmt::format("what the next boot runs cannot be told: {}", *verdict.pending.failure);
    return fmt::format("{} is pending, and which driver it needs cannot be told", to_text(*verdict.pending.os));
}

std::string explain(const Verdict& verdict, const Services& services) {
    const auto obstacle = [&] {
        const bool known = verdict.facts.pending_known && verdict.facts.os_key_known;
        return known ? why_missing(verdict, services) : why_not_known(verdict);
    };
    switch (verdict.answer) {
        case GateAnswer::no_device:
            return "there is no GPU";
        case GateAnswer::not_wanted:
            return "no driver is wished for and none is installed";
        case GateAnswer::no_pending_os:
            return "the next boot runs the same OS release";
        case GateAnswer::installed:
            return fmt::format("{} is installed for {}", *verdict.generation, to_text(*verdict.pending.os));
        case GateAnswer::allowed:
            return fmt::format("the operator allows it, although {}", obstacle());
        case GateAnswer::timed_out:
            return fmt::format("it was waited for {} s ([gate] timeout), although {}", verdict.facts.waited.count(),
                               obstacle());
        case GateAnswer::missing:
        case GateAnswer::not_known:
            return obstacle();
    }
    return {};
}

/// Fills in what is told of a pending OS. @return what it is known by, for the time that it waits
std::string look_at_pending(const Store& store, const Config& config, const LocalState& local, Verdict& verdict) {
    const PendingOs& pending = *verdict.pending.os;
    verdict.facts.os_pending = true;
    verdict.facts.os_key_known = !pending.os_key.empty();
    auto pair = driver_after_boot(store, config, local, pending);
    if (!pair) pair = staged_before(store, local, pending);
    verdict.facts.installed = pair.has_value();
    if (pair) {
        verdict.generation = pair->path();
    } else if (verdict.facts.os_key_known) {
        verdict.generation = missing_name(local, pending);
        verdict.nearest = nearest_installed(local);
    }
    return fmt::format("{} {}", to_text(pending), pending.os_key);
}

Verdict judge(Services& services, const Config& config, const Pending& pending) {
    const Store store{services.root};
    std::vector<std::string> ignored;
    const LocalState local = read_local_state(services, store, config, ignored);
    Verdict verdict;
    verdict.pending = pending;
    GateFacts& facts = verdict.facts;
    facts.gpu_present = !local.facts.gpus.empty();
    facts.driver_expected = local.wanted.has_value() || !local.generations.empty();
    facts.pending_known = !pending.failure;
    facts.timeout = config.gate_timeout;
    std::string awaited = "not known";
    if (pending.os) awaited = look_at_pending(store, config, local, verdict);
    if (pending.os || pending.failure) {
        facts.waited = waited(services, awaited);
        facts.allowed = is_allowed(services);
    } else if (services.program.is_root) {
        services.root.remove(kGateFile);
    }
    verdict.answer = judge_gate(facts);
    verdict.why = explain(verdict, services);
    return verdict;
}

ExitCode tell(const Verdict& verdict, Report& report) {
    const bool safe = is_safe(verdict.answer);
    if (verdict.answer == GateAnswer::allowed || verdict.answer == GateAnswer::timed_out) report.warn(verdict.why);
    report.result({{"schema", kSchema},
                   {"safe", safe},
                   {"reason", to_string(verdict.answer)},
                   {"why", verdict.why},
                   {"pending_os", pending_json(verdict.pending.os)},
                   {"generation", verdict.generation ? ordered_json(*verdict.generation) : ordered_json(nullptr)},
                   {"nearest", verdict.nearest},
                   {"waited_s", verdict.facts.waited.count()},
                   {"timeout_s", verdict.facts.timeout.count()}},
                  fmt::format("{}: {}\n", safe ? "safe to reboot" : "not safe to reboot", verdict.why));
    return safe ? ExitCode::ok : ExitCode::answer_is_no;
}

ExitCode hold(Services& services, Report& report) {
    require_root(services, "gate --hold");
    std::unique_ptr<RebootHold> held;
    Pending pending = ask_os(services);
    auto asked = services.clock.steady();
    while (true) {
        const Config config = load_config(services.root, {}, Strictness::boot);
        const Verdict verdict = judge(services, config, pending);
        if (is_safe(verdict.answer) || !config.gate_hold || is_interrupted()) {
            held.reset();
            tell(verdict, report);
            return ExitCode::ok;  // holding has ended as it should; the question is `gate` without --hold
        }
        if (!held) {
            if (!services.hold_reboot) throw Error{Errc::unsupported, "reboots cannot be held on this host"};
            held = services.hold_reboot(verdict.why);
            report.note(fmt::format("reboots are held back: {}", verdict.why));
        }
        for (seconds left = kLookAgain; left.count() > 0 && !is_interrupted(); --left) services.clock.sleep(seconds{1});
        if (services.clock.steady() - asked >= kAskAgain) {
            pending = ask_os(services);
            asked = services.clock.steady();
        }
    }
}

ExitCode allow(const GateOptions& options, Services& services, Report& report) {
    require_root(services, "gate --allow");
    services.root.make_directories(kRunDirectory);
    ordered_json json{{"schema", kSchema}, {"until_s", nullptr}};
    if (options.lasts) json["until_s"] = (monotonic(services) + *options.lasts).count();
    services.root.write_file(kGateAllowFile, json.dump(2) + "\n");
    const std::string text =
        options.lasts
            ? fmt::format("reboots are allowed for {} s, whatever driver is missing\n", options.lasts->count())
            : std::string{"reboots are allowed until the next boot, whatever driver is missing\n"};
    report.result({{"schema", kSchema},
                   {"result", "allowed"},
                   {"for_s", options.lasts ? ordered_json(options.lasts->count()) : ordered_json(nullptr)}},
                  text);
    return ExitCode::ok;
}

ExitCode revoke(Services& services, Report& report) {
    require_root(services, "gate --revoke");
    const bool was = services.root.remove(kGateAllowFile);
    report.result({{"schema", kSchema}, {"result", was ? "revoked" : "nothing-to-do"}, {"for_s", nullptr}},
                  was ? "reboots are not allowed any more while the driver is missing\n"
                      : "reboots were not allowed, nothing to do\n");
    return ExitCode::ok;
}

}  // namespace

ExitCode run_gate(const GateOptions& options, Services& services, Report& report) {
    if (options.allow) return allow(options, services, report);
    if (options.revoke) return revoke(services, report);
    if (options.hold) return hold(services, report);
    const Config config = load_config(services.root, {}, Strictness::boot);
    for (const std::string& warning : config.warnings) report.warn(warning);
    return tell(judge(services, config, ask_os(services)), report);
}

}  // namespace overdrive
