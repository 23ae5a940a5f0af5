#include "verbs/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/visible_text.hpp"
#include "verbs/doctor_bundle.hpp"
#include "verbs/finding_page.hpp"
#include "verbs/symptoms.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kLinesShown = 8;

/// What doctor found, ready to be shown.
struct Answer {
    Symptoms seen;
    std::vector<Finding> findings;
    std::vector<std::string> kernel_log;

    [[nodiscard]] const Finding* cause() const { return cause_of(findings); }
};

ordered_json finding_json(const Finding& finding) {
    return {{"code", finding.code},
            {"severity", to_string(severity_of(finding))},
            {"subject", finding.subject},
            {"what", finding.what},
            {"remedy", finding.remedy}};
}

ordered_json nullable(const std::optional<std::string>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json to_json(const Answer& answer) {
    ordered_json findings = ordered_json::array();
    for (const Finding& finding : answer.findings) findings.push_back(finding_json(finding));
    const Symptoms& seen = answer.seen;
    return {{"schema", 1},
            {"healthy", answer.cause() == nullptr},
            {"cause", answer.cause() != nullptr ? finding_json(*answer.cause()) : ordered_json(nullptr)},
            {"findings", findings},
            {"state", to_string(seen.state.word)},
            {"because", to_string(seen.state.because)},
            {"why", seen.state.why},
            {"kernel_release", seen.kernel_release},
            {"os_key", seen.os_key},
            {"wanted_driver", nullable(seen.wanted)},
            {"selected", nullable(seen.in_force)},
            {"loaded_version", nullable(seen.loaded_version)},
            {"holders", holders_json(seen)},
            {"sources_asked", seen.asked.has_value()},
            {"kernel_log", answer.kernel_log}};
}

/// Whether what the kernel said helps with the cause.
bool is_about_loading(const Finding& cause) {
    return cause.code == "activation-failed" || cause.code == "returned" || cause.code == "modules-missing";
}

std::string healthy_text(const Symptoms& seen) {
    if (seen.state.word == StateWord::no_device) return "healthy: there is no NVIDIA GPU, so there is nothing to do\n";
    return fmt::format("healthy: {} is in force on kernel {}\n", seen.in_force.value_or("the driver"),
                       seen.kernel_release);
}

/// The last lines that tell of a fault; empty when none does.
std::string kernel_text(std::vector<std::string> lines) {
    std::erase_if(lines, [](const std::string& line) { return !tells_of_trouble(line); });
    if (lines.empty()) return {};
    std::string text = "\nthe kernel said:\n";
    for (std::size_t i = lines.size() - std::min(kLinesShown, lines.size()); i < lines.size(); ++i)
        text += fmt::format("  {}\n", lines[i]);
    return text;
}

std::string to_text(const Answer& answer) {
    const Finding* const cause = answer.cause();
    std::string text = cause == nullptr ? healthy_text(answer.seen)
                                        : fmt::format("{} [{}]\nremedy: {}\n", cause->what, cause->code, cause->remedy);
    if (cause != nullptr && is_about_loading(*cause)) text += kernel_text(answer.kernel_log);
    bool first = true;
    for (const Finding& finding : answer.findings) {
        if (&finding == cause) continue;
        if (first) text += "\nalso:\n";
        first = false;
        text += fmt::format("- {} [{}]\n  {}\n", finding.what, finding.code, finding.remedy);
    }
    return text;
}

Answer examine(const DoctorOptions& options, Services& services, LocalState& local, Report& report) {
    Answer answer{.seen = gather_symptoms(services, local), .findings = {}, .kernel_log = {}};
    if (!options.no_network && (options.ask_sources || lacks_driver(answer.seen)))
        ask_sources(services, local, answer.seen, report);
    answer.findings = diagnose(answer.seen);
    if (services.read_kernel_log) {
        for (const std::string& line : services.read_kernel_log()) answer.kernel_log.push_back(visible_text(line));
    }
    return answer;
}

}  // namespace

ordered_json holders_json(const Symptoms& seen) {
    ordered_json holders = ordered_json::array();
    for (const DeviceHolder& holder : seen.holders) {
        holders.push_back({{"pid", holder.pid},
                           {"program", holder.program},
                           {"unit", holder.unit},
                           {"container", holder.container},
                           {"pod", holder.pod}});
    }
    return holders;
}

ExitCode run_doctor(const DoctorOptions& options, Services& services, Report& report) {
    if (options.list_codes) return tell_finding_codes(report);
    if (options.bundle) require_bundle_place(*options.bundle, options.force);
    LocalState local;
    const Answer answer = examine(options, services, local, report);
    const ordered_json json = to_json(answer);
    std::string text = to_text(answer);
    if (options.bundle) {
        write_bundle(services, {.doctor = json, .kernel_log = answer.kernel_log}, *options.bundle, options.force);
        text += fmt::format("\ncollected in '{}'; it holds no passwords, but names of hosts, images and processes\n",
                            *options.bundle);
    }
    report.result(json, text);
    return answer.cause() == nullptr ? ExitCode::ok : ExitCode::answer_is_no;
}

}  // namespace overdrive
