#include "systemd/unit_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>
#include <optional>
#include <stdexcept>

#include "model/daemon_plan.hpp"
#include "model/foreign_units.hpp"
#include "systemd/unit_texts.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kDropIn = "50-overdrive.conf";
/// What `wait` may take beyond its own limit before systemd ends it.
constexpr std::chrono::seconds kWaitGrace{30};

using Values = std::map<std::string_view, std::string>;

/// Replaces every `@NAME@`.
std::string filled(std::string_view text, const Values& values) {
    std::string result;
    for (;;) {
        const std::size_t begin = text.find('@');
        result += text.substr(0, begin);
        if (begin == std::string_view::npos) return result;
        const std::size_t end = text.find('@', begin + 1);
        const auto value =
            end == std::string_view::npos ? values.end() : values.find(text.substr(begin + 1, end - begin - 1));
        if (value == values.end()) throw std::logic_error{"unit template with an unknown placeholder"};
        result += value->second;
        text.remove_prefix(end + 1);
    }
}

bool is_plain(std::string_view text, std::string_view marks) {
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    });
}

/// A name that systemd takes as a service: no template, no path, nothing that needs quoting.
bool is_service(std::string_view unit) {
    constexpr std::string_view kSuffix = ".service";
    return unit.size() > kSuffix.size() && unit.ends_with(kSuffix) && unit.size() < NAME_MAX && unit.front() != '.' &&
           is_plain(unit, ":-_.\\@") && !unit.ends_with("@.service");
}

/// What changes when another OS release becomes pending, as settings of nvidia-stage.path.
std::string_view watched_paths(PendingSource pending) {
    switch (pending) {
        case PendingSource::ostree:
            return "PathChanged=/run/ostree/staged-deployment";
        case PendingSource::boot_kernel:
            return "PathChanged=/boot\nPathChanged=/boot/grub\nPathChanged=/vmlinuz";
        case PendingSource::snapshot:
            return "PathChanged=/.snapshots\nPathChanged=/run/reboot-needed";
        case PendingSource::update_engine:
        case PendingSource::none:
            return {};
    }
    return {};
}

constexpr auto kUnits = std::to_array<std::string_view>(
    {"nvidia.service", "nvidia-persistenced.service", "nvidia-cdi.service", "nvidia-cdi.path", "nvidia-cdi.timer",
     "nvidia-update.service", "nvidia-update.timer", "nvidia-wait.service", "nvidia-nvlsm.service",
     "nvidia-fabricmanager.service", "nvidia-imex.service", "nvidia-gate.service", "nvidia-stage.service",
     "nvidia-stage.timer", "nvidia-stage.path", "nvidia-stage-watch.service"});

/// Whether a host has this unit: what stages the driver of a pending OS depends on who knows that OS.
bool has_unit(PendingSource pending, std::string_view unit) {
    if (unit == "nvidia-stage-watch.service") return pending == PendingSource::update_engine;
    if (unit == "nvidia-stage.path") return !watched_paths(pending).empty();
    if (unit.starts_with("nvidia-stage.") || unit == "nvidia-gate.service") return pending != PendingSource::none;
    return true;
}

void require_consumer(std::string_view unit) {
    if (!is_service(unit)) {
        throw Error{Errc::config, fmt::format("before: '{}' is no service unit", unit)}.with_remedy(
            "Name units as systemd does, for example \"docker.service\".");
    }
    if (std::ranges::find(kUnits, unit) != kUnits.end()) {
        throw Error{Errc::config,
                    fmt::format("before: '{}' is a unit of the driver's own and cannot wait for it", unit)};
    }
}

/// Paths stand in unit files as they are: what systemd would expand or split is refused.
void require_plain_path(std::string_view path) {
    if (path.starts_with('/') && is_plain(path, "/._+-")) return;
    throw Error{Errc::config, fmt::format("path '{}' cannot stand in a unit file", path)}.with_remedy(
        "Use an absolute path of letters, digits and . _ + - only.");
}

template <typename Names>
std::string joined(const Names& names) {
    return fmt::format("{}", fmt::join(names, " "));
}

/// Where a path really is, seen from the root; the path itself when it is not there yet.
std::string resolved(const Root& root, const std::string& path) {
    const auto link_of = [](const UniqueFd& fd) -> std::string {
        std::string target(PATH_MAX, '\0');
        const ssize_t length =
            readlink(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), target.data(), target.size());
        target.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
        return target;
    };
    const auto fd = root.open_if_exists(path, O_PATH | O_DIRECTORY);
    if (!fd) return path;
    const std::string base = link_of(root.open("/", O_PATH | O_DIRECTORY));
    const std::string target = link_of(*fd);
    if (base == "/") return target.empty() ? path : target;
    return !base.empty() && target.starts_with(base + "/") ? target.substr(base.size()) : path;
}

/// The usual consumers and those of the configuration, each once.
std::vector<std::string> consumers_of(const UnitOptions& options) {
    std::vector<std::string> consumers;
    consumers.reserve(kConsumers.size() + options.before.size());
    for (const Consumer& consumer : kConsumers) consumers.emplace_back(consumer.unit);
    for (const std::string& unit : options.before) {
        if (std::ranges::find(consumers, unit) == consumers.end()) consumers.push_back(unit);
    }
    return consumers;
}

bool is_kubelet(std::string_view unit) {
    return std::ranges::any_of(kConsumers, [&](const Consumer& known) { return known.kubelet && known.unit == unit; });
}

/// The template of a consumer's drop-in.
std::string_view drop_in_text(bool kubelet) { return unit_text(kubelet ? "kubelet.conf" : "engine.conf"); }

std::string drop_in_path(std::string_view unit) { return fmt::format("{}/{}.d/{}", kUnitDirectory, unit, kDropIn); }

Values values_of(const UnitOptions& options, const std::vector<std::string>& consumers) {
    std::vector<std::string_view> waiters;
    for (const Consumer& consumer : kConsumers) {
        if (consumer.kubelet) waiters.push_back(consumer.unit);
    }
    return {{"PROGRAM", options.program_root + "/current/bin/overdrive"},
            {"INSTALL_ROOT", options.install_root},
            {"MOUNTS", joined(options.mounts)},
            {"CONSUMERS", joined(consumers)},
            {"WAITERS", joined(waiters)},
            {"WAIT_SECONDS", fmt::format("{}", options.kubelet_wait.count())},
            {"WAIT_LIMIT_SECONDS", fmt::format("{}", (options.kubelet_wait + kWaitGrace).count())},
            {"WATCHED_PATHS", std::string{watched_paths(options.pending)}},
            {"SETTLE", watched_paths(options.pending).empty() ? "" : " --settle"},
            {"NEED", options.strict ? "Requires" : "Wants"}};
}

void require_usable(const UnitOptions& options) {
    require_plain_path(options.install_root);
    require_plain_path(options.program_root);
    for (const std::string& mount : options.mounts) require_plain_path(mount);
    for (const std::string& unit : options.before) require_consumer(unit);
}

}  // namespace

std::vector<std::string> enabled_units(PendingSource pending) {
    std::vector<std::string> units{"nvidia.service", "nvidia-update.service", "nvidia-update.timer"};
    for (const char* unit : {"nvidia-stage.timer", "nvidia-stage.path", "nvidia-stage-watch.service"}) {
        if (has_unit(pending, unit)) units.emplace_back(unit);
    }
    return units;
}

UnitOptions unit_options(const Root& root, const Config& config, PendingSource pending) {
    UnitOptions options;
    options.pending = pending;
    options.mounts = {resolved(root, options.install_root), resolved(root, options.program_root)};
    options.before = config.before;
    options.kubelet_wait = config.kubelet_wait;
    options.strict = config.strict;
    require_usable(options);
    return options;
}

std::vector<UnitFile> unit_files(const UnitOptions& options) {
    require_usable(options);
    const std::vector<std::string> consumers = consumers_of(options);
    Values values = values_of(options, consumers);

    std::vector<UnitFile> files;
    files.reserve(kUnits.size() + consumers.size() + kKnownDaemons.size() + 1);
    for (const std::string_view unit : kUnits) {
        if (!has_unit(options.pending, unit)) continue;
        files.push_back({fmt::format("{}/{}", kUnitDirectory, unit), filled(unit_text(unit), values)});
    }
    for (const std::string& unit : consumers) {
        files.push_back({drop_in_path(unit), filled(drop_in_text(is_kubelet(unit)), values)});
    }
    for (const KnownDaemon& daemon : kKnownDaemons) {
        if (daemon.name == kPersistenced) continue;  // nvidia.service names it itself
        values["DAEMON"] = daemon.unit;
        files.push_back({fmt::format("{}/nvidia.service.d/{}.conf", kUnitDirectory, daemon.unit),
                         filled(unit_text("daemon.conf"), values)});
    }
    files.push_back({drop_in_path("systemd-sysext.service"), filled(unit_text("sysext.conf"), values)});
    files.push_back({"/etc/udev/rules.d/90-overdrive-nvidia.rules", filled(unit_text("udev.rules"), values)});
    files.push_back({"/etc/sysusers.d/overdrive.conf", filled(unit_text("sysusers.conf"), values)});
    return files;
}

}  // namespace overdrive
