#include "fake_login1.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace overdrive {

FakeLogin1::FakeLogin1(const std::string& bus_address)
    : connection_{sdbus::createSessionBusConnectionWithAddress(bus_address)} {
    object_ = sdbus::createObject(*connection_, "/org/freedesktop/login1");
    object_->registerMethod("Inhibit")
        .onInterface("org.freedesktop.login1.Manager")
        .implementedAs(
            [this](const std::string& what, const std::string& who, const std::string& why, const std::string& mode) {
                if (!refusal_.empty()) throw sdbus::Error{refusal_, "no"};
                std::array<int, 2> ends{};
                if (pipe2(ends.data(), O_CLOEXEC) != 0) throw sdbus::Error{"pipe", "pipe2 failed"};
                const std::lock_guard lock{mutex_};
                asked_ = {what, who, why, mode};
                reading_ = sdbus::UnixFd{ends[0], sdbus::adopt_fd};
                return sdbus::UnixFd{ends[1], sdbus::adopt_fd};
            });
    object_->finishRegistration();
    connection_->requestName("org.freedesktop.login1");
    connection_->enterEventLoopAsync();
}

FakeLogin1::~FakeLogin1() { connection_->leaveEventLoop(); }

std::vector<std::string> FakeLogin1::asked() {
    const std::lock_guard lock{mutex_};
    return asked_;
}

bool FakeLogin1::is_held() {
    const std::lock_guard lock{mutex_};
    pollfd end{reading_.get(), 0, 0};
    return reading_.isValid() && poll(&end, 1, 0) == 0;  // POLLHUP: the last writing end was closed
}

}  // namespace overdrive
