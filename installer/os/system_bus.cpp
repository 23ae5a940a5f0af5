#include "os/system_bus.hpp"

#include <fcntl.h>
#include <fmt/format.h>

namespace overdrive {

namespace {

constexpr const char* kSocket = "/run/dbus/system_bus_socket";
constexpr std::chrono::seconds kCallLimit{30};

}  // namespace

std::unique_ptr<sdbus::IConnection> connect_system_bus(const Root& root) {
    const auto socket = root.open_if_exists(kSocket, O_PATH);
    if (!socket) {
        throw Error{Errc::service_manager, fmt::format("there is no system bus: '{}' is missing", kSocket)}.with_remedy(
            "the host's D-Bus must run, and its socket must be visible here");
    }
    try {
        // The descriptor resolves links inside the root and has no length limit; it is needed only while connecting.
        auto connection =
            sdbus::createSessionBusConnectionWithAddress(fmt::format("unix:path=/proc/self/fd/{}", socket->get()));
        connection->setMethodCallTimeout(kCallLimit);
        return connection;
    } catch (const sdbus::Error& error) {
        throw bus_failure(fmt::format("connect to the system bus at '{}'", root.host_path(kSocket)), error);
    }
}

Error bus_failure(std::string_view attempted, const sdbus::Error& error) {
    return {Errc::service_manager, fmt::format("{}: {} ({})", attempted, error.getMessage(), error.getName())};
}

}  // namespace overdrive
