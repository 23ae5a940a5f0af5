#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace overdrive {

/// A fake of update_engine's D-Bus interface, as Flatcar's daemon has it: GetStatus and StatusUpdate, both `xdssx`.
class FakeUpdateEngine {
public:
    /// @param connection  must outlive this object; somebody processes it
    explicit FakeUpdateEngine(sdbus::IConnection& connection);
    FakeUpdateEngine(const FakeUpdateEngine&) = delete;
    FakeUpdateEngine& operator=(const FakeUpdateEngine&) = delete;
    ~FakeUpdateEngine() = default;

    /// What GetStatus answers from now on; told by the signal as well.
    void become(const std::string& operation, const std::string& version);
    /// GetStatus answers with an error.
    void fail() { fails_ = true; }

private:
    std::unique_ptr<sdbus::IObject> object_;
    std::mutex mutex_;
    std::string operation_ = "UPDATE_STATUS_IDLE";
    std::string version_ = "0.0.0";
    std::atomic<bool> fails_ = false;
};

}  // namespace overdrive
