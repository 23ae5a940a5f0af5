#include "devices/proc_device_holders.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "devices/process_text.hpp"
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

TEST(DriverDevicesTest, OfGdrCopyAndOfTheDisplayConnectorsBuses) {
    const TemporaryRoot host;
    host.write("proc/devices", "Character devices:\n 89 i2c\n240 gdrdrv\n");
    host.write("sys/class/i2c-dev/i2c-0/name", "SMBus I801 adapter\n");
    host.write("sys/class/i2c-dev/i2c-0/dev", "89:0\n");
    host.write("sys/class/i2c-dev/i2c-4/name", "NVIDIA i2c adapter 3 at 1:00.0\n");
    host.write("sys/class/i2c-dev/i2c-4/dev", "89:4\n");
    const DeviceSet set = driver_devices(host.root());
    EXPECT_THAT(set.majors, ElementsAre(195U, 240U));
    EXPECT_THAT(set.devices, ElementsAre(makedev(89, 4)));
}

TEST(KernelUsesTest, AConsoleOnTheDriversFramebufferIsNamedWithTheWayToTakeItOff) {
    const TemporaryRoot host;
    host.write("sys/class/graphics/fb0/name", "nvidia-drmdrmfb\n");
    host.write("sys/class/vtconsole/vtcon0/name", "(S) dummy device\n");
    host.write("sys/class/vtconsole/vtcon0/bind", "0\n");
    host.write("sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
    host.write("sys/class/vtconsole/vtcon1/bind", "1\n");
    const auto uses = find_kernel_uses(host.root());
    ASSERT_EQ(uses.size(), 1U);
    EXPECT_EQ(uses.front().module, "nvidia_drm");
    EXPECT_THAT(uses.front().what, testing::HasSubstr("fb0"));
    EXPECT_THAT(uses.front().remedy, testing::HasSubstr("/sys/class/vtconsole/vtcon1/bind"));
}

TEST(KernelUsesTest, AConsoleOnAnotherFramebufferOrTakenOffIsNone) {
    const TemporaryRoot host;
    host.write("sys/class/graphics/fb0/name", "simpledrmdrmfb\n");
    host.write("sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
    host.write("sys/class/vtconsole/vtcon1/bind", "1\n");
    EXPECT_THAT(find_kernel_uses(host.root()), IsEmpty());
    host.write("sys/class/graphics/fb0/name", "nvidia-drmdrmfb\n");
    host.write("sys/class/vtconsole/vtcon1/bind", "0\n");
    EXPECT_THAT(find_kernel_uses(host.root()), IsEmpty());
}

TEST(KernelUsesTest, RegisteredMemoryIsAReferenceToPeermemThatNoModuleExplains) {
    const TemporaryRoot host;
    host.write("proc/modules", "nvidia_peermem 16384 2 - Live 0x0\nnvidia 100 1 nvidia_peermem, Live 0x0\n");
    const auto uses = find_kernel_uses(host.root());
    ASSERT_EQ(uses.size(), 1U);
    EXPECT_EQ(uses.front().module, "nvidia_peermem");
    host.write("proc/modules", "nvidia_peermem 16384 0 - Live 0x0\nnvidia 100 1 nvidia_peermem, Live 0x0\n");
    EXPECT_THAT(find_kernel_uses(host.root()), IsEmpty());
}

/// One process as /proc shows it: what it maps, what is mounted in its namespace.
void add_process(const TemporaryRoot& host, const std::string& pid, const std::string& maps, const std::string& mounts,
                 const std::string& space) {
    const std::string place = "proc/" + pid + "/";
    host.write(place + "comm", "job" + pid + "\n");
    host.write(place + "maps", maps);
    host.write(place + "mountinfo", mounts);
    host.write(place + "ns/pid", "");
    host.root().make_link(place + "ns/mnt", "mnt:[" + space + "]");
}

TEST(LibraryUsersTest, AreThoseThatMapThemAndTheNamespacesThatHaveThemBound) {
    const TemporaryRoot host;
    const std::string cuda = "7f00-7f10 r-xp 00000000 00:35 77    /usr/lib64/libcuda.so.535.1.1\n";
    const std::string bound =
        "42 1 8:1 /opt/nvidia/535.1.1/4081.2.1/lib64/libcuda.so.535.1.1 /usr/lib64/libcuda.so.535.1.1 ro - ext4 /dev/a "
        "ro\n";
    add_process(host, "1", "7f00-7f10 r-xp 00000000 00:35 7    /usr/lib/libc.so.6\n",
                "1 0 8:1 / / rw - ext4 /dev/a rw\n", "1");
    add_process(host, "20", cuda + cuda, "", "1");
    add_process(host, "30", "", bound, "2");
    add_process(host, "31", "", bound, "2");
    add_process(host, "40", "7f00-7f10 r-xp 0 00:35 77    /usr/lib64/libnvidia-ml.so.550.1.1 (deleted)\n", "", "3");
    const auto users = find_library_users(host.root());
    ASSERT_EQ(users.size(), 3U);
    EXPECT_EQ(users[0].process.pid, 20);
    EXPECT_EQ(users[0].process.program, "job20");
    EXPECT_EQ(users[0].version, "535.1.1");
    EXPECT_EQ(users[0].by, LibraryUser::By::mapping);
    EXPECT_EQ(users[1].process.pid, 30) << "a namespace is named once, by its first process";
    EXPECT_EQ(users[1].by, LibraryUser::By::mount);
    EXPECT_EQ(users[2].process.pid, 40);
    EXPECT_EQ(users[2].version, "550.1.1");
}

TEST(PodNameTest, IsThatOfItsLogsElseThatInItsHostsFileElseItsUid) {
    const TemporaryRoot host;
    const std::string uid = "01234567-89ab-cdef-0123-456789abcdef";
    const std::string hosts = "var/lib/kubelet/pods/" + uid + "/etc-hosts";
    EXPECT_EQ(pod_name(host.root(), uid), uid);
    host.write(hosts, "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n10.0.0.1\tnode-7\n");
    EXPECT_EQ(pod_name(host.root(), uid), uid) << "the node's own name is not the pod's";
    host.write(hosts,
               "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\nfe00::2\tip6-allrouters\n10.1.2.3\tjob-0\n");
    EXPECT_EQ(pod_name(host.root(), uid), "job-0");
    host.write("var/log/pods/training_job-0_" + uid + "/main/0.log", "");
    EXPECT_EQ(pod_name(host.root(), uid), "training/job-0");
}

TEST(DriverDevicesTest, AHostWithoutProcHasNoHolders) {
    const TemporaryRoot host;
    EXPECT_THAT(ProcDeviceHolders{host.root()}.find(), IsEmpty());
}

}  // namespace
}  // namespace overdrive
