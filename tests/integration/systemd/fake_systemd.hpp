#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace overdrive {

/// A fake of systemd's D-Bus interface: units that behave as the test says. It starts nothing.
class FakeSystemd {
public:
    /// How a unit behaves.
    struct Unit {
        std::string load_state = "loaded";
        std::string active_state = "inactive";
        std::string job_result = "done";         ///< of the next job
        std::chrono::milliseconds job_time{10};  ///< a job ends after this
        bool job_signal = true;  ///< false: the end of a job is not told, as if it were lost in a reload
        std::string result = "success";
        std::int32_t main_code = 1;  ///< 1: exited, 2: killed
        std::int32_t main_status = 0;
    };

    explicit FakeSystemd(const std::string& bus_address);
    FakeSystemd(const FakeSystemd&) = delete;
    FakeSystemd& operator=(const FakeSystemd&) = delete;
    ~FakeSystemd();

    /// Makes a unit known, or changes it. Must come before the first call for it.
    void set(const std::string& name, const Unit& unit);
    /// How transient units behave.
    void set_transient(const Unit& unit);
    /// The next calls of a manager method fail with this D-Bus error.
    void fail(const std::string& method, const std::string& error, const std::string& message);
    /// What was asked for, in order: `StartUnit nvidia.service`.
    [[nodiscard]] std::vector<std::string> calls();
    /// The properties of the last transient unit that are texts.
    [[nodiscard]] std::map<std::string, std::string> transient_properties();
    [[nodiscard]] std::vector<std::string> transient_arguments();

private:
    using Change = sdbus::Struct<std::string, std::string, std::string>;
    using Property = sdbus::Struct<std::string, sdbus::Variant>;
    using Auxiliary = sdbus::Struct<std::string, std::vector<Property>>;

    void record(const std::string& method, const std::string& argument);
    void offer_jobs();
    void offer_files();
    void offer_transient();
    void offer_unit(const std::string& name);
    sdbus::ObjectPath queue(const std::string& unit, const std::string& end_state);
    void end_job(std::uint32_t id, const std::string& unit, const std::string& end_state);
    static sdbus::ObjectPath path_of(const std::string& unit);

    std::unique_ptr<sdbus::IConnection> connection_;
    std::unique_ptr<sdbus::IObject> manager_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    bool stopped_ = false;
    std::map<std::string, Unit> units_;
    std::map<std::string, std::unique_ptr<sdbus::IObject>> objects_;
    std::map<std::string, std::pair<std::string, std::string>> failures_;
    std::map<std::string, bool> enabled_;
    std::vector<std::string> calls_;
    std::map<std::string, std::string> transient_properties_;
    std::vector<std::string> transient_arguments_;
    Unit transient_;
    std::uint32_t jobs_ = 0;
    std::vector<std::thread> timers_;
    std::thread server_;
};

}  // namespace overdrive
