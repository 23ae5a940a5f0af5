#include "verbs/reasons.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

namespace overdrive {

namespace {

/// The reasons that each verb can end with, besides `usage` and `bad-root`, which every verb has.
struct VerbReasons {
    std::string_view verb;
    std::vector<Errc> reasons;
};

const std::vector<VerbReasons>& verb_reasons() {
    static const std::vector<Errc> kActivation{
        Errc::config,          Errc::bad_os_release, Errc::not_root,      Errc::busy,
        Errc::no_artifact,     Errc::bad_record,     Errc::module_load,   Errc::incomplete_artifact,
        Errc::exposure,        Errc::device_nodes,   Errc::verify_failed, Errc::io,
        Errc::no_space,        Errc::read_only,      Errc::unsupported,   Errc::not_restored,
        Errc::digest_mismatch, Errc::bad_manifest,   Errc::interrupted,   Errc::preflight,
        Errc::foreign_driver,  Errc::module_busy};
    static const std::vector<VerbReasons> kTable = [] {
        std::vector<Errc> fetching = kActivation;
        for (const Errc reason :
             {Errc::untrusted, Errc::older_artifact, Errc::unreachable, Errc::login_refused, Errc::tls_refused,
              Errc::bad_reference, Errc::truncated, Errc::bad_archive, Errc::service_manager}) {
            fetching.push_back(reason);
        }
        const std::vector<Errc> staging{
            Errc::config,          Errc::bad_os_release,      Errc::not_root,     Errc::busy,
            Errc::no_artifact,     Errc::bad_record,          Errc::untrusted,    Errc::older_artifact,
            Errc::unreachable,     Errc::login_refused,       Errc::tls_refused,  Errc::bad_reference,
            Errc::bad_manifest,    Errc::digest_mismatch,     Errc::truncated,    Errc::bad_archive,
            Errc::service_manager, Errc::incomplete_artifact, Errc::io,           Errc::no_space,
            Errc::read_only,       Errc::unsupported,         Errc::not_restored, Errc::interrupted};
        return std::vector<VerbReasons>{
            {"install", fetching},
            {"update", fetching},
            {"activate", kActivation},
            {"deactivate",
             {Errc::not_root, Errc::busy, Errc::module_busy, Errc::module_load, Errc::exposure, Errc::io,
              Errc::bad_os_release, Errc::unsupported, Errc::incomplete_artifact, Errc::digest_mismatch,
              Errc::bad_manifest, Errc::bad_record, Errc::read_only, Errc::no_space, Errc::service_manager,
              Errc::device_nodes, Errc::interrupted, Errc::not_restored}},
            {"uninstall",
             {Errc::not_root, Errc::busy, Errc::module_busy, Errc::module_load, Errc::exposure, Errc::io,
              Errc::bad_os_release, Errc::unsupported, Errc::incomplete_artifact, Errc::digest_mismatch,
              Errc::bad_manifest, Errc::bad_record, Errc::read_only, Errc::no_space, Errc::service_manager,
              Errc::device_nodes, Errc::interrupted, Errc::not_restored}},
            {"rollback", kActivation},
            {"recover", kActivation},
            {"preflight",
             {Errc::answer_is_no, Errc::config, Errc::no_artifact, Errc::bad_os_release, Errc::bad_manifest, Errc::io,
              Errc::unsupported}},
            {"stage", staging},
            {"gate",
             {Errc::answer_is_no, Errc::not_root, Errc::service_manager, Errc::bad_os_release, Errc::io,
              Errc::unsupported, Errc::interrupted}},
            {"status", {Errc::bad_os_release, Errc::io, Errc::unsupported}},
            {"doctor",
             {Errc::answer_is_no, Errc::bad_os_release, Errc::io, Errc::no_space, Errc::read_only, Errc::unsupported,
              Errc::interrupted}},
            {"list",
             {Errc::config, Errc::no_artifact, Errc::untrusted, Errc::older_artifact, Errc::unreachable,
              Errc::login_refused, Errc::tls_refused, Errc::bad_reference, Errc::bad_manifest, Errc::digest_mismatch,
              Errc::truncated, Errc::incomplete_artifact, Errc::bad_os_release, Errc::io, Errc::unsupported,
              Errc::interrupted}},
            {"verify", {Errc::answer_is_no, Errc::io, Errc::unsupported, Errc::interrupted}},
            {"prune",
             {Errc::not_root, Errc::interrupted, Errc::busy, Errc::bad_record, Errc::bad_os_release, Errc::io,
              Errc::no_space, Errc::read_only, Errc::unsupported}},
            {"history", {Errc::io, Errc::unsupported}},
            {"wait", {Errc::answer_is_no, Errc::io, Errc::unsupported, Errc::interrupted}},
            {"cdi generate",
             {Errc::incomplete_artifact, Errc::device_nodes, Errc::io, Errc::no_space, Errc::read_only,
              Errc::unsupported}},
            {"cdi list", {Errc::io}},
            {"cdi validate", {Errc::answer_is_no, Errc::io}},
            {"cdi min-version", {Errc::bad_manifest, Errc::io}},
            {"cdi apply", {Errc::bad_manifest, Errc::device_nodes, Errc::io, Errc::unsupported}},
            {"cdi transform", {Errc::bad_manifest, Errc::io}},
            {"cdi doctor", {Errc::answer_is_no, Errc::io}},
        };
    }();
    return kTable;
}

struct Meaning {
    ExitCode code;
    std::string_view text;
};
constexpr std::array kMeanings{
    Meaning{ExitCode::ok, "done, or nothing to do"},
    Meaning{ExitCode::failed, "failed, the system is as before"},
    Meaning{ExitCode::usage, "usage, configuration or trust policy"},
    Meaning{ExitCode::no_artifact, "no artifact for this kernel"},
    Meaning{ExitCode::at_reboot, "done, takes effect at the next boot, or needs the host command that was printed"},
    Meaning{ExitCode::not_restored, "failed and not restored"},
    Meaning{ExitCode::unreachable, "source unreachable"},
    Meaning{ExitCode::busy, "busy: another run, or somebody uses the driver"},
    Meaning{ExitCode::answer_is_no, "the answer is no"},
};

int number(ExitCode code) { return static_cast<int>(code); }

}  // namespace

std::string reason_table() {
    std::string text =
        "# Exit codes and reasons\n\nGenerated by `overdrive reasons`; a test keeps this page equal to the code.\n\n";
    text += "| exit code | meaning |\n|---|---|\n";
    for (const Meaning& meaning : kMeanings) text += fmt::format("| {} | {} |\n", number(meaning.code), meaning.text);
    text +=
        "\nEvery verb can also end with `usage` and `bad-root` (2). With `--json` a failure prints its reason as "
        "`error.reason`.\n\n";
    text += "| verb | reason | exit code |\n|---|---|---|\n";
    for (const VerbReasons& verb : verb_reasons()) {
        for (const Errc reason : verb.reasons) {
            text += fmt::format("| {} | {} | {} |\n", verb.verb, reason_code(reason), number(exit_code_of(reason)));
        }
    }
    return text;
}

ExitCode run_reasons(Report& report) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const VerbReasons& verb : verb_reasons()) {
        for (const Errc reason : verb.reasons) {
            rows.push_back(
                {{"verb", verb.verb}, {"reason", reason_code(reason)}, {"exit_code", number(exit_code_of(reason))}});
        }
    }
    report.result({{"schema", 1}, {"reasons", rows}}, reason_table());
    return ExitCode::ok;
}

}  // namespace overdrive
