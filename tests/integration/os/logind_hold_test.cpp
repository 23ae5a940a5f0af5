#include "os/logind_hold.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "fake_login1.hpp"
#include "integration/systemd/private_bus.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LogindHoldTest : public testing::Test {
protected:
    [[nodiscard]] Error refusal() const {
        try {
            static_cast<void>(hold_reboot(root_, "why"));
        } catch (const Error& error) {
            return error;
        }
        ADD_FAILURE() << "nothing was thrown";
        return {Errc::io, ""};
    }
    TemporaryDirectory host_;
    Root root_{host_.path().string()};
};

TEST_F(LogindHoldTest, TheLockIsADescriptorThatIsClosedWithTheHold) {
    const PrivateBus bus{host_.path()};
    FakeLogin1 logind{bus.address()};
    auto hold = hold_reboot(root_, "the driver is missing");
    EXPECT_THAT(logind.asked(), ElementsAre("shutdown", "overdrive", "the driver is missing", "block"));
    for (int tries = 0; tries < 20; ++tries) {
        ASSERT_TRUE(logind.is_held()) << "also when the connection that asked for it is gone";
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    hold.reset();
    for (int tries = 0; tries < 400 && logind.is_held(); ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    EXPECT_FALSE(logind.is_held());
}

TEST_F(LogindHoldTest, ARefusalCarriesLogindsWords) {
    const PrivateBus bus{host_.path()};
    FakeLogin1 logind{bus.address()};
    logind.refuse("org.freedesktop.DBus.Error.AccessDenied");
    const Error error = refusal();
    EXPECT_EQ(error.code(), Errc::service_manager);
    EXPECT_THAT(error.what(), HasSubstr("AccessDenied"));
}

TEST_F(LogindHoldTest, WithoutLogindOrABusNothingIsHeld) {
    EXPECT_EQ(refusal().code(), Errc::service_manager);
    const PrivateBus bus{host_.path()};
    EXPECT_THAT(refusal().remedy(), HasSubstr("'overdrive gate' still answers"));
}

}  // namespace
}  // namespace overdrive
