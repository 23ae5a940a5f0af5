#include "private_bus.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "support/unique_fd.hpp"

namespace overdrive {

namespace {

/// Whether somebody listens on the socket: the file is there a moment before.
bool answers(const std::filesystem::path& socket) {
    const UniqueFd client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.string().copy(&address.sun_path[0], sizeof address.sun_path - 1);
    return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "overdrive-systemd-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp failed"};
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

PrivateBus::PrivateBus(const std::filesystem::path& host) {
    const std::filesystem::path directory = host / "run/dbus";
    const std::filesystem::path socket = directory / "system_bus_socket";
    std::filesystem::create_directories(directory);
    address_ = "unix:path=" + socket.string();
    const std::string configuration = (host / "bus.conf").string();
    std::ofstream{configuration} << "<busconfig><type>session</type><listen>" << address_
                                 << "</listen><auth>EXTERNAL</auth>"
                                 << R"(<policy context="default"><allow user="*"/><allow own="*"/>)"
                                 << R"(<allow send_type="method_call"/><allow send_type="signal"/>)"
                                 << R"(<allow send_requested_reply="true"/><allow receive_type="method_call"/>)"
                                 << R"(<allow receive_type="signal"/><allow receive_type="method_return"/>)"
                                 << R"(<allow receive_type="error"/></policy></busconfig>)";
    std::string program = "dbus-daemon";
    std::string option = "--config-file=" + configuration;
    std::string foreground = "--nofork";
    std::array<char*, 4> arguments{program.data(), option.data(), foreground.data(), nullptr};
    const std::string log = (host / "bus.log").string();  // it complains of limits that it cannot raise
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int failed = posix_spawnp(&daemon_, program.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error{"dbus-daemon cannot be started; install the package dbus-daemon"};
    for (int tries = 0; tries < 500; ++tries) {
        if (answers(socket)) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    stop();
    throw std::runtime_error{"dbus-daemon did not answer on its socket within 5 s"};
}

PrivateBus::~PrivateBus() { stop(); }

void PrivateBus::stop() {
    if (daemon_ <= 0) return;
    kill(daemon_, SIGTERM);
    waitpid(daemon_, nullptr, 0);
    daemon_ = -1;
}

}  // namespace overdrive
