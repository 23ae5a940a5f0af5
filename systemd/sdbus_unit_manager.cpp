#include "systemd/sdbus_unit_manager.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>

#include "support/interruption.hpp"
#include "support/sdbus_generations.hpp"

namespace overdrive {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr const char* kSocket = "/run/dbus/system_bus_socket";
constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kServiceUnit = "org.freedesktop.systemd1.Service";

constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";

/// A reload re-reads every unit and runs every generator.
constexpr auto kReloadLimit = 180s;
constexpr auto kCallLimit = 60s;
/// How often a wait looks up: `while_waiting` is called at least this often.
constexpr auto kTick = 200ms;
/// How often a wait asks for the unit's state, in case the signal of its end was lost in a reload.
constexpr auto kLookAgain = 2s;

/// systemd's own exit codes: it could not set up or execute the program. @see systemd.exec(5)
constexpr int kFirstOwnStatus = 200;
constexpr int kLastOwnStatus = 243;
constexpr int kCldExited = 1;

using Changes = std::vector<sdbus::Struct<std::string, std::string, std::string>>;
using Properties = std::vector<sdbus::Struct<std::string, sdbus::Variant>>;

[[noreturn]] void fail(std::string_view attempted, const sdbus::Error& error) {
    Error translated{Errc::service_manager, fmt::format("{}: {} ({})", attempted, error.getMessage(), error.getName())};
    if (error.getName() == "org.freedesktop.DBus.Error.AccessDenied") {
        throw std::move(translated)
            .with_remedy(
                "Run as root of the host: not in a user namespace, and with the host's "
                "bus socket.");
    }
    throw translated;
}

/// systemd answered; the connection is good.
bool is_answer(const sdbus::Error& error) { return error.getName().starts_with("org.freedesktop.systemd1."); }

std::string look_there(std::string_view unit) {
    return fmt::format("See 'systemctl status {0}' and 'journalctl -b -u {0}' on the host.", unit);
}

}  // namespace

/// One connection to the system bus, driven by whoever waits.
class SdbusUnitManager::Bus {
public:
    explicit Bus(const Root& root);

    [[nodiscard]] sdbus::IProxy& manager() { return *manager_; }
    /// The unit's object; its unit file is loaded when it was not. @throws sdbus::Error
    [[nodiscard]] std::unique_ptr<sdbus::IProxy> load(const std::string& unit);
    /// Calls a manager method that queues a job. @throws sdbus::Error
    [[nodiscard]] std::string queue(const char* method, const std::string& unit);
    /// @return the job's object @throws sdbus::Error
    [[nodiscard]] std::string start_transient(const std::string& unit, const Properties& properties);
    void reset_failed(const std::string& unit);
    /// Waits at most `time` for something to come, and handles it. @throws sdbus::Error
    void process(std::chrono::milliseconds time);
    /// How a job ended, when it has. @see org.freedesktop.systemd1(5), JobRemoved
    [[nodiscard]] std::optional<std::string> result_of(const std::string& job) const;
    void forget_jobs() { ended_.clear(); }

private:
    std::unique_ptr<sdbus::IConnection> connection_;
    std::map<std::string, std::string> ended_;  ///< job object -> result
    std::unique_ptr<sdbus::IProxy> manager_;
};

SdbusUnitManager::Bus::Bus(const Root& root) {
    // The descriptor resolves links inside the root and has no length limit; it is needed only while connecting.
    const UniqueFd socket = root.open(kSocket, O_PATH);
    connection_ = sdbus::createSessionBusConnectionWithAddress(fmt::format("unix:path=/proc/self/fd/{}", socket.get()));
    connection_->setMethodCallTimeout(kCallLimit);
    manager_ = sdbus_generations::proxy_of(*connection_, kService, kManagerPath);
    manager_->uponSignal("JobRemoved")
        .onInterface(kManager)
        .call([this](const std::uint32_t&, const sdbus::ObjectPath& job, const std::string&,
                     const std::string& result) { ended_[job] = result; });
    sdbus_generations::finish_subscriptions(*manager_);
    manager_->callMethod("Subscribe").onInterface(kManager);
}

std::unique_ptr<sdbus::IProxy> SdbusUnitManager::Bus::load(const std::string& unit) {
    sdbus::ObjectPath path;
    manager_->callMethod("LoadUnit").onInterface(kManager).withArguments(unit).storeResultsTo(path);
    return sdbus_generations::proxy_of(*connection_, kService, path);
}

std::string SdbusUnitManager::Bus::queue(const char* method, const std::string& unit) {
    sdbus::ObjectPath job;
    manager_->callMethod(method).onInterface(kManager).withArguments(unit, std::string{"replace"}).storeResultsTo(job);
    return job;
}

void SdbusUnitManager::Bus::reset_failed(const std::string& unit) {
    manager_->callMethod("ResetFailedUnit").onInterface(kManager).withArguments(unit);
}

std::string SdbusUnitManager::Bus::start_transient(const std::string& unit, const Properties& properties) {
    using Auxiliary = sdbus::Struct<std::string, Properties>;
    sdbus::ObjectPath job;
    manager_->callMethod("StartTransientUnit")
        .onInterface(kManager)
        .withArguments(unit, std::string{"fail"}, properties, std::vector<Auxiliary>{})
        .storeResultsTo(job);
    return job;
}

void SdbusUnitManager::Bus::process(std::chrono::milliseconds time) {
    stop_if_interrupted();
    while (sdbus_generations::process_pending(*connection_)) {
    }
    const auto data = connection_->getEventLoopPollData();
    pollfd waited{data.fd, data.events, 0};
    const int most = static_cast<int>(std::max<std::chrono::milliseconds::rep>(time.count(), 0));
    const int wanted = data.getPollTimeout();
    static_cast<void>(::poll(&waited, 1, wanted < 0 ? most : std::min(most, wanted)));
    while (sdbus_generations::process_pending(*connection_)) {
    }
}

std::optional<std::string> SdbusUnitManager::Bus::result_of(const std::string& job) const {
    const auto found = ended_.find(job);
    return found == ended_.end() ? std::nullopt : std::optional{found->second};
}

namespace {

template <typename Value>
Value property(sdbus::IProxy& unit, const char* name, const char* interface) {
    return unit.getProperty(name).onInterface(interface).template get<Value>();
}

/// What systemd says of a unit whose job failed: `result 'exit-code', exit status 3`. Empty when it says nothing.
template <typename Load>
std::string why_failed(Load&& load) noexcept {
    try {
        const auto unit = load();
        return fmt::format(", result '{}', exit status {}", property<std::string>(*unit, "Result", kServiceUnit),
                           property<std::int32_t>(*unit, "ExecMainStatus", kServiceUnit));
    } catch (...) {
        return {};  // no service, or gone already: the job's result must do
    }
}

/// systemd replaces `$NAME` in a command by the environment's value, and `$$` by `$`. @see systemd.service(5)
std::string without_expansion(const std::string& argument) {
    std::string result;
    for (const char c : argument) result.append(c == '$' ? 2 : 1, c);
    return result;
}

Properties properties_of(const UnitManager::TransientUnit& unit) {
    using Command = sdbus::Struct<std::string, std::vector<std::string>, bool>;
    std::vector<std::string> arguments;
    std::ranges::transform(unit.arguments, std::back_inserter(arguments), without_expansion);
    const std::vector<Command> commands{Command{unit.arguments.front(), arguments, false}};
    const auto property = [](const char* name, auto value) {
        return sdbus::Struct<std::string, sdbus::Variant>{name, sdbus::Variant{std::move(value)}};
    };
    // AddRef keeps the unit, and with it the exit status, for as long as we are connected; CollectMode lets it go,
    // failed or not, as soon as we are not. A one-shot unit is "activating" until its program has ended.
    return {property("Description", unit.description),
            property("Type", std::string{"oneshot"}),
            property("ExecStart", commands),
            property("AddRef", true),
            property("CollectMode", std::string{"inactive-or-failed"}),
            property("TimeoutStartUSec", std::numeric_limits<std::uint64_t>::max())};
}

bool is_over(const std::string& active_state) { return active_state == "inactive" || active_state == "failed"; }

/// @throws Error when the job ended without a run of the program to its end
void require_ran(const std::string& name, const std::string& job_result) {
    if (job_result == "done" || job_result == "failed") return;
    throw Error{Errc::service_manager, fmt::format("unit '{}': job result '{}'", name, job_result)}.with_remedy(
        look_there(name));
}

/// The exit code and result of a transient unit that has ended.
UnitManager::TransientResult result_of(sdbus::IProxy& service, const std::string& name, const std::string& program) {
    const auto code = property<std::int32_t>(service, "ExecMainCode", kServiceUnit);
    const auto status = property<std::int32_t>(service, "ExecMainStatus", kServiceUnit);
    const auto result = property<std::string>(service, "Result", kServiceUnit);
    if (code == 0) {
        throw Error{Errc::service_manager,
                    fmt::format("unit '{}' ended before its program ran: result '{}'", name, result)}
            .with_remedy(look_there(name));
    }
    if (code == kCldExited && status >= kFirstOwnStatus && status <= kLastOwnStatus) {
        throw Error{Errc::service_manager,
                    fmt::format("unit '{}': systemd could not execute '{}' (exit status {})", name, program, status)}
            .with_remedy(look_there(name));
    }
    return {code == kCldExited ? status : 128 + status, result};
}

}  // namespace

SdbusUnitManager::SdbusUnitManager(const Root& root) : root_{root} {}
SdbusUnitManager::~SdbusUnitManager() = default;

SdbusUnitManager::Bus& SdbusUnitManager::bus() {
    if (!bus_) {
        try {
            bus_ = std::make_unique<Bus>(root_);
        } catch (const sdbus::Error& error) {
            fail(fmt::format("connect to systemd through '{}'", root_.host_path(kSocket)), error);
        } catch (const Error& error) {
            throw Error{Errc::service_manager, fmt::format("connect to systemd: {}", error.what())}.with_remedy(
                "The host's system bus must run, and its socket must be visible here.");
        }
    }
    return *bus_;
}

template <typename Body>
auto SdbusUnitManager::calling(std::string_view attempted, Body&& body) {
    try {
        return std::forward<Body>(body)(bus());
    } catch (const sdbus::Error& error) {
        if (!is_answer(error)) bus_.reset();  // connect again next time
        fail(attempted, error);
    }
}

bool SdbusUnitManager::reachable() {
    try {
        return calling("ask systemd for its version",
                       [](Bus& bus) { return !property<std::string>(bus.manager(), "Version", kManager).empty(); });
    } catch (const Error&) {
        return false;
    }
}

void SdbusUnitManager::daemon_reload() {
    calling("reload systemd's units",
            [](Bus& bus) { bus.manager().callMethod("Reload").onInterface(kManager).withTimeout(kReloadLimit); });
}

bool SdbusUnitManager::enable(const std::vector<std::string>& units) {
    return calling(fmt::format("enable {}", fmt::join(units, ", ")), [&](Bus& bus) {
        bool installable = false;
        Changes changes;
        bus.manager()
            .callMethod("EnableUnitFiles")
            .onInterface(kManager)
            .withArguments(units, false, false)
            .storeResultsTo(installable, changes);
        return !changes.empty();
    });
}

void SdbusUnitManager::disable(const std::vector<std::string>& units) {
    calling(fmt::format("disable {}", fmt::join(units, ", ")), [&](Bus& bus) {
        Changes changes;
        bus.manager()
            .callMethod("DisableUnitFiles")
            .onInterface(kManager)
            .withArguments(units, false)
            .storeResultsTo(changes);
    });
}

void SdbusUnitManager::finish(Bus& bus, const std::string& unit, const std::string& job,
                              std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    for (;;) {
        const auto result = bus.result_of(job);
        if (result && (*result == "done" || *result == "skipped")) return;  // skipped: a condition of it does not hold
        if (result) {
            throw Error{Errc::service_manager, fmt::format("unit '{}': job result '{}'{}", unit, *result,
                                                           why_failed([&] { return bus.load(unit); }))}
                .with_remedy(look_there(unit));
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left <= 0ms) {
            throw Error{Errc::service_manager,
                        fmt::format("unit '{}': systemd's job did not end within {} s; it goes on", unit,
                                    std::chrono::ceil<std::chrono::seconds>(timeout).count())}
                .with_remedy(look_there(unit));
        }
        bus.process(std::min<std::chrono::milliseconds>(left, kTick));
    }
}

void SdbusUnitManager::start(const std::string& unit, std::chrono::milliseconds timeout) {
    calling(fmt::format("start unit '{}'", unit), [&](Bus& bus) {
        bus.forget_jobs();
        finish(bus, unit, bus.queue("StartUnit", unit), timeout);
    });
}

void SdbusUnitManager::stop(const std::string& unit, std::chrono::milliseconds timeout) {
    calling(fmt::format("stop unit '{}'", unit), [&](Bus& bus) {
        bus.forget_jobs();
        try {
            finish(bus, unit, bus.queue("StopUnit", unit), timeout);
        } catch (const sdbus::Error& error) {
            if (error.getName() != kNoSuchUnit) throw;
        }
    });
}

void SdbusUnitManager::queue_restart(const std::string& unit) {
    calling(fmt::format("queue a restart of unit '{}'", unit),
            [&](Bus& bus) { static_cast<void>(bus.queue("RestartUnit", unit)); });
}

void SdbusUnitManager::queue_start(const std::string& unit) {
    calling(fmt::format("queue a start of unit '{}'", unit),
            [&](Bus& bus) { static_cast<void>(bus.queue("StartUnit", unit)); });
}

void SdbusUnitManager::forget_starts(const std::string& unit) {
    calling(fmt::format("reset the start limit of unit '{}'", unit), [&](Bus& bus) {
        try {
            bus.reset_failed(unit);
        } catch (const sdbus::Error& error) {
            if (error.getName() != kNoSuchUnit) throw;
        }
    });
}

void SdbusUnitManager::queue_stop(const std::string& unit) {
    calling(fmt::format("queue a stop of unit '{}'", unit), [&](Bus& bus) {
        try {
            static_cast<void>(bus.queue("StopUnit", unit));
        } catch (const sdbus::Error& error) {
            if (error.getName() != kNoSuchUnit) throw;
        }
    });
}

std::optional<std::string> SdbusUnitManager::active_state(const std::string& unit) {
    return calling(fmt::format("look at unit '{}'", unit), [&](Bus& bus) -> std::optional<std::string> {
        const auto object = bus.load(unit);
        if (property<std::string>(*object, "LoadState", kUnit) == "not-found") return std::nullopt;
        return property<std::string>(*object, "ActiveState", kUnit);
    });
}

UnitManager::TransientResult SdbusUnitManager::run_transient(const TransientUnit& unit,
                                                             const std::function<void()>& while_waiting) {
    if (unit.arguments.empty()) throw std::logic_error{"a transient unit without a program"};
    return calling(fmt::format("run unit '{}'", unit.name), [&](Bus& bus) {
        bus.forget_jobs();
        const std::string job = bus.start_transient(unit.name, properties_of(unit));
        const auto object = bus.load(unit.name);
        auto looked = Clock::now();
        for (bool over = false; !over;) {
            bus.process(kTick);
            if (while_waiting) while_waiting();
            if (const auto result = bus.result_of(job)) {
                require_ran(unit.name, *result);
                over = true;
            } else if (Clock::now() - looked >= kLookAgain) {
                over = is_over(property<std::string>(*object, "ActiveState", kUnit));
                looked = Clock::now();
            }
        }
        TransientResult result = result_of(*object, unit.name, unit.arguments.front());
        object->callMethod("Unref").onInterface(kUnit);
        return result;
    });
}

}  // namespace overdrive
