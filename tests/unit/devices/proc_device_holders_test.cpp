#include "devices/proc_device_holders.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(DriverDevicesTest, AreTheMajorsOfTheDriverByNameAndItsOwnNumber) {
    const TemporaryRoot host;
    EXPECT_THAT(driver_devices(host.root()).majors, ElementsAre(195U));
    host.write("proc/devices",
               "Character devices:\n  1 mem\n195 nvidia-frontend\n226 drm\n235 nvidia-caps\n511 nvidia-uvm\n\n"
               "Block devices:\n260 nvidia-block\n");
    EXPECT_THAT(driver_devices(host.root()).majors, ElementsAre(195U, 235U, 511U));
}

TEST(DriverDevicesTest, OfTheDrmNodesOnlyThoseOfOurGpus) {
    const TemporaryRoot host;
    const auto drm = [&](const std::string& name, const std::string& number, const std::string& driver) {
        const std::string place = "sys/class/drm/" + name + "/";
        if (!number.empty()) host.write(place + "dev", number + "\n");
        host.write(place + "device/uevent", "");
        host.root().make_link(place + "device/driver", "../../../../bus/pci/drivers/" + driver);
    };
    drm("card0", "226:0", "i915");
    drm("card1", "226:1", "nvidia");
    drm("renderD129", "226:129", "nvidia");
    drm("card1-HDMI-A-1", "", "nvidia");
    host.write("sys/class/drm/version", "drm 1.1.0 20060810");
    const DeviceSet set = driver_devices(host.root());
    EXPECT_THAT(set.devices, ElementsAre(makedev(226, 1), makedev(226, 129)));
    EXPECT_TRUE(set.contains(226, 129));
    EXPECT_FALSE(set.contains(226, 0));
    EXPECT_TRUE(set.contains(195, 7));
    EXPECT_FALSE(set.contains(1, 3));
}

TEST(DriverDevicesTest, AHostWithoutProcHasNoHolders) {
    const TemporaryRoot host;
    EXPECT_THAT(ProcDeviceHolders{host.root()}.find(), IsEmpty());
}

}  // namespace
}  // namespace overdrive
