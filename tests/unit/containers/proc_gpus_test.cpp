#include "cdi/proc_gpus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class ProcGpusTest : public testing::Test {
protected:
    void gpu(const std::string& directory, const std::string& information) const {
        host.write("proc/driver/nvidia/gpus/" + directory + "/information", information);
    }
    [[nodiscard]] GpuInventory read() const {
        std::filesystem::create_directories(host.path() + "/proc");
        return read_proc_gpus(DriverTree{host.root(), "/proc"});
    }

    TemporaryRoot host;
};

TEST_F(ProcGpusTest, WithoutTheDriverThereIsNothing) {
    EXPECT_THAT(read().gpus, IsEmpty());
    EXPECT_EQ(read().driver_version, std::nullopt);
}

TEST_F(ProcGpusTest, ReadsWhatTheDriverTells) {
    host.write("proc/driver/nvidia/version",
               "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.163.01  Release Build  (x)  Tue\n"
               "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n");
    gpu("0000:07:00.0",
        "Model: \t\t NVIDIA H200\nIRQ:   \t\t 120\nGPU UUID: \t GPU-6d5c2f3e-aaaa-bbbb-cccc-0123456789ab\n"
        "Bus Type: \t PCIe\nBus Location: \t 0000:07:00.0\nDevice Minor: \t 3\nGPU Excluded:\t No\n");
    const GpuInventory found = read();
    EXPECT_EQ(found.driver_version, "550.163.01");
    EXPECT_THAT(found.gpus,
                ElementsAre(GpuDevice{
                    0, 3, "GPU-6d5c2f3e-aaaa-bbbb-cccc-0123456789ab", "0000:07:00.0", "NVIDIA H200", false, {}}));
}

TEST_F(ProcGpusTest, CountsByAddressNotByMinor) {
    gpu("0000:41:00.0", "Device Minor: \t 0\nBus Location: \t 0000:41:00.0\n");
    gpu("0000:07:00.0", "Device Minor: \t 1\nBus Location: \t 0000:07:00.0\n");
    const auto gpus = read().gpus;
    ASSERT_EQ(gpus.size(), 2U);
    EXPECT_EQ(gpus[0].address, "0000:07:00.0");
    EXPECT_EQ(gpus[0].index, 0U);
    EXPECT_EQ(gpus[0].minor_number, 1U);
    EXPECT_EQ(gpus[1].index, 1U);
}

TEST_F(ProcGpusTest, AUuidThatIsNotKnownYetIsNone) {
    gpu("0000:07:00.0", "Device Minor: \t 0\nGPU UUID: \t GPU-" + std::string(8, '?') + "-0000\n");
    EXPECT_EQ(read().gpus.at(0).uuid, "");
    EXPECT_EQ(read().gpus.at(0).address, "0000:07:00.0") << "by the directory's name";
}

TEST_F(ProcGpusTest, WhatCannotBeReadIsNoGpu) {
    gpu("0000:07:00.0", "Model: \t broken\n");
    gpu("0000:08:00.0", "Device Minor: \t many\n");
    std::filesystem::create_directories(host.path() + "/proc/driver/nvidia/gpus/0000:09:00.0");
    EXPECT_THAT(read().gpus, IsEmpty());
}

TEST_F(ProcGpusTest, InstancesAreCountedInTheOrderOfTheirNumbers) {
    gpu("0000:07:00.0", "Device Minor: \t 2\n");
    const std::string mig = "proc/driver/nvidia/capabilities/gpu2/mig/";
    for (const char* place :
         {"gi10/ci0/access", "gi10/access", "gi9/ci1/access", "gi9/ci0/access", "gi9/access", "config"})
        host.write(mig + place, "DeviceFileMinor: 1\n");
    const auto gpus = read().gpus;
    EXPECT_TRUE(gpus.at(0).mig);
    EXPECT_THAT(gpus[0].instances, ElementsAre(MigInstance{0, 9, 0, "", false}, MigInstance{1, 9, 1, "", false},
                                               MigInstance{2, 10, 0, "", false}));
}

TEST(MigMinorsTest, LinesThatDoNotFitAreSkipped) {
    EXPECT_THAT(
        parse_mig_minors("config 1\nmonitor 2\n\nno number\ngpu0/gi1/access 12\ngpu0/gi1/ci0/access 13\n 5\nx 1 2\n"),
        ElementsAre(Pair("config", 1U), Pair("gpu0/gi1/access", 12U), Pair("gpu0/gi1/ci0/access", 13U),
                    Pair("monitor", 2U)));
    EXPECT_THAT(parse_mig_minors(""), IsEmpty());
}

TEST(SysfsAddressTest, IsLowerCaseWithFourDigitsOfDomain) {
    EXPECT_EQ(sysfs_address("00000000:3B:00.0"), "0000:3b:00.0");
    EXPECT_EQ(sysfs_address("00010000:07:00.0"), "10000:07:00.0") << "a domain that needs more has more";
    EXPECT_EQ(sysfs_address("0000:07:00.0"), "0000:07:00.0");
    EXPECT_EQ(sysfs_address(""), "");
}

}  // namespace
}  // namespace overdrive
