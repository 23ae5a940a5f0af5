#include "os/update_engine.hpp"

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <tuple>

#include "os/system_bus.hpp"
#include "support/interruption.hpp"
#include "support/sdbus_generations.hpp"

namespace overdrive {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kService = "com.coreos.update1";
constexpr const char* kPath = "/com/coreos/update1";
constexpr const char* kInterface = "com.coreos.update1.Manager";
constexpr const char* kNeedsReboot = "UPDATE_STATUS_UPDATED_NEED_REBOOT";
/// What update_engine says when it was restarted after the update.
constexpr const char* kForgotten = "0.0.0";

/// How often a wait looks whether a signal asks us to stop that came between two looks.
constexpr std::chrono::seconds kLookAgain{30};

bool nobody_there(const sdbus::Error& error) {
    return error.getName() == "org.freedesktop.DBus.Error.ServiceUnknown" ||
           error.getName() == "org.freedesktop.DBus.Error.NameHasNoOwner";
}

}  // namespace

/// One connection, and what was heard on it.
class UpdateEngine::Bus {
public:
    explicit Bus(const Root& root) : connection_{connect_system_bus(root)} {
        engine_ = sdbus_generations::proxy_of(*connection_, kService, kPath);
        engine_->uponSignal("StatusUpdate")
            .onInterface(kInterface)
            .call([this](const std::int64_t&, const double&, const std::string& operation, const std::string&,
                         const std::int64_t&) { told_ = told_ || operation == kNeedsReboot; });
        sdbus_generations::finish_subscriptions(*engine_);
    }

    [[nodiscard]] sdbus::IProxy& engine() { return *engine_; }
    /// Whether it was told since the last call.
    [[nodiscard]] bool take_told() { return std::exchange(told_, false); }

    void process(std::chrono::milliseconds time) {
        while (sdbus_generations::process_pending(*connection_)) {
        }
        if (told_) return;
        const auto data = connection_->getEventLoopPollData();
        pollfd waited{data.fd, data.events, 0};
        static_cast<void>(::poll(&waited, 1, static_cast<int>(time.count())));
        while (sdbus_generations::process_pending(*connection_)) {
        }
    }

private:
    std::unique_ptr<sdbus::IConnection> connection_;
    std::unique_ptr<sdbus::IProxy> engine_;
    bool told_ = false;
};

UpdateEngine::UpdateEngine(const Root& root) : root_{root} {}
UpdateEngine::~UpdateEngine() = default;

UpdateEngine::Bus& UpdateEngine::bus() {
    if (!bus_) bus_ = std::make_unique<Bus>(root_);
    return *bus_;
}

std::optional<std::string> UpdateEngine::pending_version() {
    std::int64_t last_checked = 0;
    std::int64_t size = 0;
    double progress = 0;
    std::string operation;
    std::string version;
    try {
        bus()
            .engine()
            .callMethod("GetStatus")
            .onInterface(kInterface)
            .storeResultsTo(last_checked, progress, operation, version, size);
    } catch (const sdbus::Error& error) {
        if (nobody_there(error)) return std::nullopt;
        bus_.reset();  // connect again next time
        throw bus_failure("ask update_engine for its status", error);
    }
    if (operation != kNeedsReboot) return std::nullopt;
    return version == kForgotten ? std::string{} : version;
}

void UpdateEngine::wait(std::chrono::milliseconds most) {
    const auto deadline = Clock::now() + most;
    try {
        while (!is_interrupted() && !bus().take_told()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
            if (left.count() <= 0) return;
            bus().process(std::min<std::chrono::milliseconds>(left, kLookAgain));
        }
    } catch (const sdbus::Error& error) {
        bus_.reset();
        throw bus_failure("wait for update_engine's signal", error);
    }
}

}  // namespace overdrive
