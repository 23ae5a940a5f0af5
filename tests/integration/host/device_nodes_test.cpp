#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devices/host_device_nodes.hpp"
#include "host_tree.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<DeviceNodeSpec> kSpecs{{"nvidiactl", "nvidia", 255, 0666}, {"nvidia-uvm", "nvidia-uvm", 0, 0600}};

class DeviceNodesTest : public HostTree {
protected:
    void SetUp() override {
        HostTree::SetUp();
        if (IsSkipped()) return;
        mount_tmpfs("/dev");
        write("/proc/devices", "Character devices:\n195 nvidia\n511 nvidia-uvm\n235 nvidia-caps\n");
        write("/proc/driver/nvidia/gpus/0000:00:07.0/information", "Device Minor: \t 0\n");
        write("/proc/driver/nvidia/capabilities/mig/config", "DeviceFileMinor: 1\nDeviceFileMode: 256\n");
    }
    using Status = struct stat;
    [[nodiscard]] Status node(const std::string& file) const { return root().link_status(file).value_or(Status{}); }
};

TEST_F(DeviceNodesTest, MakesEachWithItsExactModeWhateverTheUmask) {
    const mode_t before = umask(0077);
    HostDeviceNodes nodes{root()};
    const auto made = nodes.ensure(kSpecs);
    umask(before);
    EXPECT_THAT(made,
                ElementsAre("/dev/nvidia-caps/nvidia-cap1", "/dev/char/235:1", "/dev/nvidia-uvm", "/dev/char/511:0",
                            "/dev/nvidia0", "/dev/char/195:0", "/dev/nvidiactl", "/dev/char/195:255"));
    EXPECT_EQ(node("/dev/nvidiactl").st_mode, static_cast<mode_t>(S_IFCHR | 0666));
    EXPECT_EQ(node("/dev/nvidiactl").st_rdev, makedev(195, 255));
    EXPECT_EQ(node("/dev/nvidia-uvm").st_mode, static_cast<mode_t>(S_IFCHR | 0600));
    EXPECT_EQ(node("/dev/nvidia-caps/nvidia-cap1").st_mode, static_cast<mode_t>(S_IFCHR | 0400));
    EXPECT_EQ(root().read_link("/dev/char/235:1"), "../nvidia-caps/nvidia-cap1");
    EXPECT_EQ(root().status("/dev/char/195:0")->st_rdev, makedev(195, 0));
}

TEST_F(DeviceNodesTest, EnsuringTwiceChangesNothing) {
    HostDeviceNodes nodes{root()};
    EXPECT_FALSE(nodes.missing(kSpecs).empty());
    nodes.ensure(kSpecs);
    EXPECT_THAT(nodes.ensure(kSpecs), IsEmpty());
    EXPECT_THAT(nodes.missing(kSpecs), IsEmpty());
}

TEST_F(DeviceNodesTest, CorrectsAStaleMajorAWrongModeAndAFileInTheWay) {
    HostDeviceNodes nodes{root()};
    nodes.ensure(kSpecs);
    write("/proc/devices", "Character devices:\n195 nvidia\n510 nvidia-uvm\n235 nvidia-caps\n");
    ASSERT_EQ(chmod(path("/dev/nvidiactl").c_str(), 0600), 0);
    root().remove("/dev/nvidia0");
    write("/dev/nvidia0", "a program that opened it too early made a file");
    EXPECT_THAT(nodes.ensure(kSpecs),
                ElementsAre("/dev/nvidia-uvm", "/dev/char/510:0", "/dev/nvidia0", "/dev/nvidiactl"));
    EXPECT_THAT(nodes.missing(kSpecs), IsEmpty());
}

TEST_F(DeviceNodesTest, RemovesThemEvenWhenTheModulesAreGone) {
    HostDeviceNodes nodes{root()};
    nodes.ensure(kSpecs);
    write("/dev/nvidia-notes", "foreign");
    write("/proc/devices", "Character devices:\n  1 mem\n");
    EXPECT_EQ(nodes.remove(kSpecs).size(), 8U);
    EXPECT_EQ(root().list("/dev"), (std::vector<std::string>{"char", "nvidia-notes"}));
    EXPECT_THAT(root().list("/dev/char"), IsEmpty());
    EXPECT_THAT(nodes.remove(kSpecs), IsEmpty());
}

TEST_F(DeviceNodesTest, TakesBackWhatWasMissingAndLeavesWhatWasThere) {
    HostDeviceNodes nodes{root()};
    nodes.ensure(kSpecs);
    root().remove("/dev/nvidia0");
    const auto absent = nodes.missing(kSpecs);
    EXPECT_THAT(absent, ElementsAre("/dev/nvidia0"));
    nodes.ensure(kSpecs);
    nodes.take_back(absent);
    EXPECT_THAT(nodes.missing(kSpecs), ElementsAre("/dev/nvidia0"));
}

TEST_F(DeviceNodesTest, AFailureIsAFailureOfTheDeviceNodes) {
    mount_or_fail(nullptr, path("/dev"), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, "");
    try {
        HostDeviceNodes{root()}.ensure(kSpecs);
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::device_nodes);
    }
}

}  // namespace
}  // namespace overdrive
