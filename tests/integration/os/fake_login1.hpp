#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace overdrive {

/// A fake of logind's Inhibit: it hands out a real descriptor, the writing end of a pipe, and sees when it is closed.
/// It holds back nothing.
class FakeLogin1 {
public:
    explicit FakeLogin1(const std::string& bus_address);
    FakeLogin1(const FakeLogin1&) = delete;
    FakeLogin1& operator=(const FakeLogin1&) = delete;
    ~FakeLogin1();

    /// The arguments of the last call: what, who, why, mode.
    [[nodiscard]] std::vector<std::string> asked();
    /// Whether the descriptor that was handed out last is still open somewhere.
    [[nodiscard]] bool is_held();
    /// Inhibit answers with this error.
    void refuse(const std::string& error) { refusal_ = error; }

private:
    std::unique_ptr<sdbus::IConnection> connection_;
    std::unique_ptr<sdbus::IObject> object_;
    std::mutex mutex_;
    std::vector<std::string> asked_;
    std::string refusal_;
    sdbus::UnixFd reading_;
};

}  // namespace overdrive
