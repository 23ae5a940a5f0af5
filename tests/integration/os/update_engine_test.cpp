#include "os/update_engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>

#include "fake_update_engine.hpp"
#include "integration/systemd/private_bus.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kNeedsReboot = "UPDATE_STATUS_UPDATED_NEED_REBOOT";

class UpdateEngineTest : public testing::Test {
protected:
    void start() {
        connection_ = sdbus::createSessionBusConnectionWithAddress(bus_.address());
        fake_ = std::make_unique<FakeUpdateEngine>(*connection_);
        connection_->enterEventLoopAsync();
    }
    ~UpdateEngineTest() override {
        if (connection_) connection_->leaveEventLoop();
    }

    TemporaryDirectory host_;
    Root root_{host_.path().string()};
    PrivateBus bus_{host_.path()};
    std::unique_ptr<sdbus::IConnection> connection_;
    std::unique_ptr<FakeUpdateEngine> fake_;
    UpdateEngine engine_{root_};
};

TEST_F(UpdateEngineTest, TellsTheVersionThatWaitsForTheReboot) {
    start();
    EXPECT_EQ(engine_.pending_version(), std::nullopt);
    fake_->become("UPDATE_STATUS_DOWNLOADING", "4081.3.0");
    EXPECT_EQ(engine_.pending_version(), std::nullopt);
    fake_->become(kNeedsReboot, "4081.3.0");
    EXPECT_EQ(engine_.pending_version(), "4081.3.0");
    fake_->become(kNeedsReboot, "0.0.0");
    EXPECT_EQ(engine_.pending_version(), "") << "it was restarted and has forgotten";
}

TEST_F(UpdateEngineTest, AHostWhereNoneRunsHasNothingPending) { EXPECT_EQ(engine_.pending_version(), std::nullopt); }

TEST_F(UpdateEngineTest, AnErrorIsNotTakenForNothing) {
    start();
    fake_->fail();
    try {
        static_cast<void>(engine_.pending_version());
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::service_manager);
        EXPECT_THAT(error.what(), HasSubstr("GetStatus failed"));
    }
}

TEST_F(UpdateEngineTest, TheWaitEndsWithTheSignalAndMissesNoneAfterItsFirstCall) {
    start();
    engine_.wait(0ms);
    fake_->become(kNeedsReboot, "4081.3.0");  // nobody waits yet
    const auto begin = std::chrono::steady_clock::now();
    engine_.wait(60s);
    auto waiting = std::async(std::launch::async, [&] { engine_.wait(60s); });
    EXPECT_EQ(waiting.wait_for(50ms), std::future_status::timeout) << "one signal ends one wait";
    fake_->become("UPDATE_STATUS_DOWNLOADING", "4081.4.0");
    EXPECT_EQ(waiting.wait_for(50ms), std::future_status::timeout) << "only what needs a reboot counts";
    fake_->become(kNeedsReboot, "4081.4.0");
    waiting.get();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST_F(UpdateEngineTest, TheWaitEndsWithItsTimeAndWithTheBus) {
    start();
    engine_.wait(20ms);
    connection_->leaveEventLoop();  // the fake cannot bear the end of the bus
    fake_.reset();
    connection_.reset();
    bus_.stop();
    EXPECT_THROW(engine_.wait(60s), Error);
}

}  // namespace
}  // namespace overdrive
