#include "os/logind_hold.hpp"

#include <utility>

#include "os/system_bus.hpp"
#include "support/sdbus_generations.hpp"

namespace overdrive {

namespace {

class LogindHold final : public RebootHold {
public:
    explicit LogindHold(sdbus::UnixFd lock) : lock_{std::move(lock)} {}

private:
    sdbus::UnixFd lock_;
};

}  // namespace

std::unique_ptr<RebootHold> hold_reboot(const Root& root, const std::string& why) {
    const auto connection = connect_system_bus(root);
    try {
        const auto logind =
            sdbus_generations::proxy_of(*connection, "org.freedesktop.login1", "/org/freedesktop/login1");
        sdbus::UnixFd lock;
        logind->callMethod("Inhibit")
            .onInterface("org.freedesktop.login1.Manager")
            .withArguments(std::string{"shutdown"}, std::string{"overdrive"}, why, std::string{"block"})
            .storeResultsTo(lock);
        return std::make_unique<LogindHold>(std::move(lock));
    } catch (const sdbus::Error& error) {
        throw bus_failure("take logind's lock over reboots", error)
            .with_remedy("without logind no reboot can be held; 'overdrive gate' still answers");
    }
}

}  // namespace overdrive
