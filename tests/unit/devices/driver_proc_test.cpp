#include "devices/driver_proc.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DriverProcTest : public testing::Test {
protected:
    DriverProcTest() = default;
    ~DriverProcTest() override { std::filesystem::remove_all(directory_); }
    DriverProcTest(const DriverProcTest&) = delete;
    DriverProcTest& operator=(const DriverProcTest&) = delete;

    void write(const std::string& path, std::string_view content) const {
        const Root root{directory_};
        root.make_directories(path.substr(0, path.rfind('/')));
        root.write_file(path, content);
    }
    [[nodiscard]] std::vector<WantedNode> nodes(const std::vector<DeviceNodeSpec>& specs) const {
        const Root root{directory_};
        return DriverProc{root}.wanted_nodes(specs);
    }

    std::string directory_ = [] {
        std::string name = testing::TempDir() + "proc.XXXXXX";
        return std::string{mkdtemp(name.data())};
    }();
};

const std::vector<DeviceNodeSpec> kSpecs{{"nvidiactl", "nvidia", 255, 0666}, {"nvidia-uvm", "nvidia-uvm", 0, 0600}};

TEST_F(DriverProcTest, WantsNothingWithoutModules) {
    EXPECT_THAT(nodes(kSpecs), IsEmpty());
    write("/proc/devices", "Character devices:\n  1 mem\n");
    EXPECT_THAT(nodes(kSpecs), IsEmpty());
}

TEST_F(DriverProcTest, SkipsASpecWhoseDeviceHasNoMajor) {
    write("/proc/devices", "Character devices:\n195 nvidia\n");
    EXPECT_THAT(nodes(kSpecs), ElementsAre(WantedNode{"nvidiactl", 195, 255, 0666}));
}

TEST_F(DriverProcTest, KnowsBothSpellingsOfTheDriversDevice) {
    write("/proc/devices", "Character devices:\n195 nvidia-frontend\n");
    write("/proc/driver/nvidia/gpus/0000:00:07.0/information", "Model: \t\t Unknown\nDevice Minor: \t 0\n");
    EXPECT_THAT(nodes(kSpecs),
                ElementsAre(WantedNode{"nvidia0", 195, 0, 0666}, WantedNode{"nvidiactl", 195, 255, 0666}));
}

TEST_F(DriverProcTest, NumbersGpusByTheirMinorNotTheirOrder) {
    write("/proc/devices", "Character devices:\n195 nvidia\n");
    write("/proc/driver/nvidia/gpus/0000:00:07.0/information", "Device Minor: \t 1\n");
    write("/proc/driver/nvidia/gpus/0000:00:08.0/information", "Device Minor: \t 0\n");
    write("/proc/driver/nvidia/gpus/0000:00:09.0/information", "Model: \t no minor\n");
    EXPECT_THAT(nodes({}), ElementsAre(WantedNode{"nvidia0", 195, 0, 0666}, WantedNode{"nvidia1", 195, 1, 0666}));
}

TEST_F(DriverProcTest, FindsCapabilitiesAtEveryDepthWithTheirModes) {
    write("/proc/devices", "Character devices:\n195 nvidia\n235 nvidia-caps\n");
    const std::string place = "/proc/driver/nvidia/capabilities/";
    write(place + "mig/config", "DeviceFileMinor: 1\nDeviceFileMode: 256\nDeviceFileModify: 1\n");
    write(place + "mig/monitor", "DeviceFileMinor: 2\nDeviceFileMode: 292\n");
    write(place + "gpu0/mig/gi1/ci0/access", "DeviceFileMinor: 13\nDeviceFileMode: 292\n");
    write(place + "fabric-imex-mgmt", "no minor here\n");
    EXPECT_THAT(nodes({}), ElementsAre(WantedNode{"nvidia-caps/nvidia-cap1", 235, 1, 0400},
                                       WantedNode{"nvidia-caps/nvidia-cap13", 235, 13, 0444},
                                       WantedNode{"nvidia-caps/nvidia-cap2", 235, 2, 0444}));
}

}  // namespace
}  // namespace overdrive
