#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace overdrive {

/// A directory below the system's one for temporary files, removed at the end.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

/// A dbus-daemon of the test's own, with its socket where a host's system bus has it below `host`.
class PrivateBus {
public:
    explicit PrivateBus(const std::filesystem::path& host);
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    ~PrivateBus();

    [[nodiscard]] const std::string& address() const noexcept { return address_; }
    /// Ends the daemon: every connection is lost.
    void stop();

private:
    std::string address_;
    pid_t daemon_ = -1;
};

}  // namespace overdrive
