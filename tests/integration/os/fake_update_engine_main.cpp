// Speaks update_engine's interface on the system bus. Each line that it reads is a state: OPERATION VERSION.
#include <iostream>
#include <thread>

#include "fake_update_engine.hpp"

int main() {
    const auto connection = sdbus::createSystemBusConnection();
    overdrive::FakeUpdateEngine engine{*connection};
    connection->enterEventLoopAsync();
    std::string operation;
    std::string version;
    while (std::cin >> operation >> version) engine.become(operation, version);
    connection->leaveEventLoop();
    return 0;
}
