#include "fake_systemd.hpp"

#include <algorithm>
#include <cctype>

namespace overdrive {

namespace {

constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kServiceUnit = "org.freedesktop.systemd1.Service";

}  // namespace

FakeSystemd::FakeSystemd(const std::string& bus_address)
    : connection_{sdbus::createSessionBusConnectionWithAddress(bus_address)} {
    connection_->requestName("org.freedesktop.systemd1");
    manager_ = sdbus::createObject(*connection_, "/org/freedesktop/systemd1");
    manager_->registerMethod("Subscribe").onInterface(kManager).implementedAs([this] { record("Subscribe", ""); });
    manager_->registerMethod("Reload").onInterface(kManager).implementedAs([this] { record("Reload", ""); });
    manager_->registerProperty("Version").onInterface(kManager).withGetter([] { return std::string{"fake"}; });
    manager_->registerSignal("JobRemoved")
        .onInterface(kManager)
        .withParameters<std::uint32_t, sdbus::ObjectPath, std::string, std::string>();
    offer_jobs();
    offer_files();
    offer_transient();
    manager_->finishRegistration();
    server_ = std::thread{[this] {
        try {
            connection_->enterEventLoop();
        } catch (const sdbus::Error&) {
            // the bus was stopped
        }
    }};
}

FakeSystemd::~FakeSystemd() {
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
    }
    stopping_.notify_all();
    for (std::thread& timer : timers_) timer.join();
    connection_->leaveEventLoop();
    server_.join();
}

void FakeSystemd::set(const std::string& name, const Unit& unit) {
    const std::lock_guard lock{mutex_};
    units_[name] = unit;
}

void FakeSystemd::set_transient(const Unit& unit) {
    const std::lock_guard lock{mutex_};
    transient_ = unit;
}

void FakeSystemd::fail(const std::string& method, const std::string& error, const std::string& message) {
    const std::lock_guard lock{mutex_};
    failures_[method] = {error, message};
}

std::vector<std::string> FakeSystemd::calls() {
    const std::lock_guard lock{mutex_};
    return calls_;
}

std::map<std::string, std::string> FakeSystemd::transient_properties() {
    const std::lock_guard lock{mutex_};
    return transient_properties_;
}

std::vector<std::string> FakeSystemd::transient_arguments() {
    const std::lock_guard lock{mutex_};
    return transient_arguments_;
}

void FakeSystemd::record(const std::string& method, const std::string& argument) {
    const std::lock_guard lock{mutex_};
    calls_.push_back(argument.empty() ? method : method + " " + argument);
    const auto failure = failures_.find(method);
    if (failure != failures_.end()) throw sdbus::Error{failure->second.first, failure->second.second};
}

void FakeSystemd::offer_jobs() {
    const auto offer = [this](const std::string& method, const std::string& end_state) {
        manager_->registerMethod(method).onInterface(kManager).implementedAs(
            [this, method, end_state](const std::string& unit, const std::string& mode) {
                record(method, unit + " " + mode);
                {
                    const std::lock_guard lock{mutex_};
                    if (!units_.contains(unit))
                        throw sdbus::Error{"org.freedesktop.systemd1.NoSuchUnit", "Unit " + unit + " not found."};
                }
                return queue(unit, end_state);
            });
    };
    offer("StartUnit", "active");
    offer("RestartUnit", "active");
    offer("StopUnit", "inactive");
    manager_->registerMethod("LoadUnit").onInterface(kManager).implementedAs([this](const std::string& unit) {
        offer_unit(unit);
        return path_of(unit);
    });
}

void FakeSystemd::offer_files() {
    manager_->registerMethod("EnableUnitFiles")
        .onInterface(kManager)
        .implementedAs([this](const std::vector<std::string>& units, const bool& runtime, const bool& force) {
            for (const std::string& unit : units)
                record("EnableUnitFiles", unit + (runtime ? " runtime" : "") + (force ? " force" : ""));
            const std::lock_guard lock{mutex_};
            std::vector<Change> changes;
            for (const std::string& unit : units) {
                if (!std::exchange(enabled_[unit], true)) changes.emplace_back("symlink", "/etc/wants/" + unit, unit);
            }
            return std::tuple{true, changes};
        });
    manager_->registerMethod("DisableUnitFiles")
        .onInterface(kManager)
        .implementedAs([this](const std::vector<std::string>& units, const bool&) {
            for (const std::string& unit : units) record("DisableUnitFiles", unit);
            const std::lock_guard lock{mutex_};
            for (const std::string& unit : units) enabled_[unit] = false;
            return std::vector<Change>{};
        });
}

void FakeSystemd::offer_transient() {
    using Command = sdbus::Struct<std::string, std::vector<std::string>, bool>;
    manager_->registerMethod("StartTransientUnit")
        .onInterface(kManager)
        .implementedAs([this](const std::string& unit, const std::string& mode, const std::vector<Property>& properties,
                              const std::vector<Auxiliary>&) {
            record("StartTransientUnit", unit + " " + mode);
            bool fails = false;
            {
                const std::lock_guard lock{mutex_};
                fails = transient_.job_result == "failed";
                units_[unit] = transient_;
                units_[unit].active_state = "activating";
                for (const Property& property : properties) {
                    const std::string& name = property.get<0>();
                    const sdbus::Variant& value = property.get<1>();
                    if (value.containsValueOfType<std::string>())
                        transient_properties_[name] = value.get<std::string>();
                    if (value.containsValueOfType<bool>())
                        transient_properties_[name] = value.get<bool>() ? "yes" : "no";
                    if (name == "ExecStart") transient_arguments_ = value.get<std::vector<Command>>().front().get<1>();
                }
            }
            return queue(unit, fails ? "failed" : "inactive");
        });
}

void FakeSystemd::offer_unit(const std::string& name) {
    const std::lock_guard lock{mutex_};
    if (objects_.contains(name)) return;
    if (!units_.contains(name)) units_[name].load_state = "not-found";
    auto object = sdbus::createObject(*connection_, path_of(name));
    const auto offer = [&](const char* property, const char* interface, auto member) {
        object->registerProperty(property).onInterface(interface).withGetter([this, name, member] {
            const std::lock_guard inner{mutex_};
            return units_[name].*member;
        });
    };
    offer("LoadState", kUnit, &Unit::load_state);
    offer("ActiveState", kUnit, &Unit::active_state);
    offer("Result", kServiceUnit, &Unit::result);
    offer("ExecMainCode", kServiceUnit, &Unit::main_code);
    offer("ExecMainStatus", kServiceUnit, &Unit::main_status);
    object->registerMethod("Unref").onInterface(kUnit).implementedAs([this, name] { record("Unref", name); });
    object->finishRegistration();
    objects_[name] = std::move(object);
}

sdbus::ObjectPath FakeSystemd::queue(const std::string& unit, const std::string& end_state) {
    const std::lock_guard lock{mutex_};
    const std::uint32_t id = ++jobs_;
    timers_.emplace_back([this, id, unit, end_state] { end_job(id, unit, end_state); });
    return "/org/freedesktop/systemd1/job/" + std::to_string(id);
}

void FakeSystemd::end_job(std::uint32_t id, const std::string& unit, const std::string& end_state) {
    std::string result;
    bool told = true;
    {
        std::unique_lock lock{mutex_};
        if (stopping_.wait_for(lock, units_[unit].job_time, [this] { return stopped_; })) return;
        result = units_[unit].job_result;
        told = units_[unit].job_signal;
        if (result == "done" || result == "failed") units_[unit].active_state = end_state;
    }
    if (!told) return;
    manager_->emitSignal("JobRemoved")
        .onInterface(kManager)
        .withArguments(id, sdbus::ObjectPath{"/org/freedesktop/systemd1/job/" + std::to_string(id)}, unit, result);
}

sdbus::ObjectPath FakeSystemd::path_of(const std::string& unit) {
    std::string path = "/org/freedesktop/systemd1/unit/";
    for (const char c : unit) path += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    return path;
}

}  // namespace overdrive
