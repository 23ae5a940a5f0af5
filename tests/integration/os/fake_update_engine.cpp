#include "fake_update_engine.hpp"

namespace overdrive {

namespace {

constexpr const char* kInterface = "com.coreos.update1.Manager";
constexpr std::int64_t kLastChecked = 1'700'000'000;
constexpr std::int64_t kSize = 400'000'000;

}  // namespace

FakeUpdateEngine::FakeUpdateEngine(sdbus::IConnection& connection) {
    object_ = sdbus::createObject(connection, "/com/coreos/update1");
    using Status = std::tuple<std::int64_t, double, std::string, std::string, std::int64_t>;
    object_->registerMethod("GetStatus")
        .onInterface(kInterface)
        .withOutputParamNames("last_checked_time", "progress", "current_operation", "new_version", "new_size")
        .implementedAs([this]() -> Status {
            if (fails_) throw sdbus::Error{"com.coreos.update1.Error.Failed", "GetStatus failed"};
            const std::lock_guard lock{mutex_};
            return {kLastChecked, 0.0, operation_, version_, kSize};
        });
    object_->registerSignal("StatusUpdate")
        .onInterface(kInterface)
        .withParameters<std::int64_t, double, std::string, std::string, std::int64_t>(
            "last_checked_time", "progress", "current_operation", "new_version", "new_size");
    object_->finishRegistration();
    connection.requestName("com.coreos.update1");
}

void FakeUpdateEngine::become(const std::string& operation, const std::string& version) {
    {
        const std::lock_guard lock{mutex_};
        operation_ = operation;
        version_ = version;
    }
    object_->emitSignal("StatusUpdate")
        .onInterface(kInterface)
        .withArguments(kLastChecked, 0.0, operation, version, kSize);
}

}  // namespace overdrive
