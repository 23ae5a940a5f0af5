#include "verbs/tell_hooks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "support/interruption.hpp"
#include "support/visible_text.hpp"
#include "verbs/tell_journal.hpp"

namespace overdrive {

namespace {

constexpr const char* kPath = "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr mode_t kWritableByOthers = S_IWGRP | S_IWOTH;
constexpr std::size_t kMostNames = 100;

std::string path_of(const std::string& name) { return fmt::format("{}/{}", kHookDirectory, name); }

/// Why something must not be run as root; nullopt when it may.
std::optional<std::string> unsafe(const struct stat& status) {
    if (status.st_uid != 0) return "does not belong to root";
    if ((status.st_mode & kWritableByOthers) != 0) return "can be written to by others than root";
    return std::nullopt;
}

/// Why a file of the right name is not run; nullopt when it is.
std::optional<std::string> not_run_because(const Root& root, const std::string& name) {
    const auto status = root.status(path_of(name));
    if (!status) return "leads nowhere";
    if (!S_ISREG(status->st_mode)) return "is no file";
    if ((status->st_mode & S_IXUSR) == 0) return "is not executable";
    return unsafe(*status);
}

/// The hooks to run, in order; a warning for each that is not.
std::vector<std::string> find_hooks(const Root& root, Report& report) {
    const auto directory = root.status(kHookDirectory);
    if (!directory) return {};
    if (const auto why = unsafe(*directory)) {
        report.warn(fmt::format("no hook is run: '{}' {}", kHookDirectory, *why));
        return {};
    }
    std::vector<std::string> hooks;
    for (const std::string& name : root.list(kHookDirectory)) {
        if (!is_hook_name(name)) continue;
        if (const auto why = not_run_because(root, name)) {
            report.warn(fmt::format("hook '{}' is not run: it {}", path_of(name), *why));
        } else if (hooks.size() == kMostNames) {
            report.warn(fmt::format("hook '{}' is not run: {} are the most", path_of(name), kMostNames));
        } else {
            hooks.push_back(name);
        }
    }
    return hooks;
}

std::map<std::string, std::string> environment_of(const Telling& telling) {
    const ToldState& now = *telling.state;
    const ToldState before = telling.before.value_or(ToldState{});
    return {{"PATH", kPath},
            {"OVERDRIVE_VERB", std::string{telling.verb}},
            {"OVERDRIVE_STATE", now.state},
            {"OVERDRIVE_USABLE", now.usable() ? "yes" : "no"},
            {"OVERDRIVE_REASON", now.reason.value_or(now.because)},
            {"OVERDRIVE_WHY", visible_text(now.why)},
            {"OVERDRIVE_DRIVER", now.driver.value_or("")},
            {"OVERDRIVE_OS_KEY", now.os_key.value_or("")},
            {"OVERDRIVE_KERNEL", now.kernel_release},
            {"OVERDRIVE_PREVIOUS_STATE", before.state},
            {"OVERDRIVE_PREVIOUS_REASON", before.reason.value_or(before.because)},
            {"OVERDRIVE_PREVIOUS_DRIVER", before.driver.value_or("")}};
}

/// How a hook ended when it did not end well.
std::optional<std::string> fault_of(const ProcessResult& result, std::chrono::milliseconds limit) {
    if (result.timed_out) return fmt::format("took longer than {} ms and was killed", limit.count());
    if (result.exit_code != 0) return fmt::format("ended with exit code {}", result.exit_code);
    return std::nullopt;
}

class Hooks {
public:
    Hooks(Services& services, const Config& config, const Telling& telling, Report& report)
        : services_{services},
          telling_{telling},
          report_{report},
          limit_{config.hook_timeout},
          end_{services.clock.steady() + kMostHookLimits * limit_} {}

    void run(const std::string& name) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - services_.clock.steady());
        if (left.count() <= 0) {
            report_.warn(fmt::format("hook '{}' is not run: those before it took all the time", path_of(name)));
            return;
        }
        const auto limit = std::min(limit_, left);
        const ProcessResult result = services_.processes.run({.arguments = {services_.root.host_path(path_of(name))},
                                                              .environment = environment_of(telling_),
                                                              .timeout = limit,
                                                              .input = telling_.state->to_json()});
        const auto fault = fault_of(result, limit);
        if (fault) report_.warn(fmt::format("hook '{}' {}{}", path_of(name), *fault, quoted(result.output)));
        log(name, result, fault);
    }

private:
    /// `: <the last line>`, where it said something.
    static std::string quoted(const std::string& output) {
        const std::size_t end = output.find_last_not_of("\n\r \t");
        if (end == std::string::npos) return {};
        const std::size_t begin = output.find_last_of('\n', end);
        return ": " + output.substr(begin == std::string::npos ? 0 : begin + 1, end - begin);
    }

    void log(const std::string& name, const ProcessResult& result, const std::optional<std::string>& fault) const {
        std::string message = fmt::format("hook '{}' {}", name, fault.value_or("ran"));
        if (!result.output.empty()) message += ":\n" + result.output;
        LogEntry entry{
            .priority = fault ? 4 : 6, .message = std::move(message), .message_id = kHookMessageId, .fields = {}};
        entry.fields["OVERDRIVE_HOOK"] = name;
        entry.fields["OVERDRIVE_STATE"] = telling_.state->state;
        entry.fields["OVERDRIVE_EXIT_CODE"] = fmt::format("{}", result.exit_code);
        log_entry(services_, entry);
    }

    Services& services_;
    const Telling& telling_;
    Report& report_;
    std::chrono::milliseconds limit_;
    std::chrono::steady_clock::time_point end_;
};

}  // namespace

bool is_hook_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

void tell_hooks(Services& services, const Config& config, const Telling& telling, Report& report) {
    if (!telling.is_change()) return;
    Hooks hooks{services, config, telling, report};
    for (const std::string& name : find_hooks(services.root, report)) {
        if (is_interrupted()) return;
        try {
            hooks.run(name);
        } catch (const Error& error) {
            report.warn(fmt::format("hook '{}': {}", path_of(name), error.what()));
        }
    }
}

}  // namespace overdrive
