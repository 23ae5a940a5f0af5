#include "devices/host_facts_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A host's tree, made of literals.
class HostFactsReaderTest : public testing::Test {
protected:
    HostFactsReaderTest() {
        write("/etc/os-release", "ID=flatcar\nVERSION_ID=4081.2.1\n");
        write("/proc/sys/kernel/random/boot_id", "0b0e\n");
        write("/proc/1/mountinfo", "22 1 0:20 / / ro - squashfs /dev/vda ro\n");
        write("/sys/kernel/notes", "");
    }
    ~HostFactsReaderTest() override { std::filesystem::remove_all(directory_); }
    HostFactsReaderTest(const HostFactsReaderTest&) = delete;
    HostFactsReaderTest& operator=(const HostFactsReaderTest&) = delete;

    void write(const std::string& path, std::string_view content) const {
        const Root root{directory_};
        root.make_directories(path.substr(0, path.rfind('/')));
        root.write_file(path, content);
    }
    void pci(const std::string& address, const char* vendor, const char* device_class, const char* device) const {
        const std::string place = "/sys/bus/pci/devices/" + address + "/";
        write(place + "vendor", vendor);
        write(place + "class", device_class);
        write(place + "device", device);
    }
    [[nodiscard]] HostFacts read() const { return read_host_facts(Root{directory_}); }
    [[nodiscard]] Error failure() const {
        try {
            static_cast<void>(read());
        } catch (const Error& error) {
            return error;
        }
        return {Errc::usage, "nothing was thrown"};
    }

    std::string directory_ = [] {
        std::string name = testing::TempDir() + "facts.XXXXXX";
        return std::string{mkdtemp(name.data())};
    }();
};

TEST_F(HostFactsReaderTest, ReadsAHostWithoutAGpu) {
    const HostFacts facts = read();
    utsname kernel{};
    ASSERT_EQ(uname(&kernel), 0);
    EXPECT_EQ(facts.os_release.id(), "flatcar");
    EXPECT_EQ(facts.kernel_release, static_cast<const char*>(kernel.release));
    EXPECT_EQ(facts.architecture, static_cast<const char*>(kernel.machine));
    EXPECT_EQ(facts.boot_id, "0b0e");
    EXPECT_THAT(facts.gpus, IsEmpty());
    EXPECT_THAT(facts.modules, IsEmpty());
    EXPECT_EQ(facts.driver_version, std::nullopt);
    EXPECT_EQ(facts.kernel_build_id, std::nullopt);
    ASSERT_EQ(facts.mounts.size(), 1U);
    EXPECT_TRUE(facts.usr_is_read_only());
}

TEST_F(HostFactsReaderTest, FindsNvidiaFunctionsOfDisplayAnd3dClassOnly) {
    pci("0000:00:01.0", "0x10de\n", "0x030000\n", "0x1eb8\n");
    pci("0000:00:02.0", "0x10de\n", "0x030200\n", "0x20b0\n");
    pci("0000:00:01.1", "0x10de\n", "0x040300\n", "0x10f8\n");  // its sound function
    pci("0000:00:03.0", "0x8086\n", "0x030000\n", "0x1234\n");
    Root{directory_}.make_link("/sys/bus/pci/devices/0000:00:02.0/driver", "../../../../bus/pci/drivers/nvidia");
    const HostFacts facts = read();
    ASSERT_EQ(facts.gpus.size(), 2U);
    EXPECT_EQ(facts.gpus[0].address, "0000:00:01.0");
    EXPECT_EQ(facts.gpus[0].device_id, 0x1eb8U);
    EXPECT_EQ(facts.gpus[0].driver, "");
    EXPECT_EQ(facts.gpus[1].driver, "nvidia");
}

TEST_F(HostFactsReaderTest, ReadsModulesWithTheirVersions) {
    write("/proc/modules", "nvidia_uvm 1 0 - Live 0x0\nnvidia 1 1 nvidia_uvm, Live 0x0\next4 1 1 - Live 0x0\n");
    write("/sys/module/nvidia/version", "550.163.01\n");
    write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  Mon\n");
    write("/sys/module/firmware_class/parameters/path", "/opt/nvidia/current/lib/firmware\n");
    const HostFacts facts = read();
    ASSERT_EQ(facts.modules.size(), 2U);
    ASSERT_NE(facts.loaded("nvidia"), nullptr);
    EXPECT_EQ(facts.loaded("nvidia")->version, "550.163.01");
    EXPECT_EQ(facts.loaded("nvidia-uvm")->version, "");
    EXPECT_EQ(facts.driver_version, "550.163.01");
    EXPECT_EQ(facts.firmware_path, "/opt/nvidia/current/lib/firmware");
}

TEST_F(HostFactsReaderTest, TakesTheVendorsOsReleaseWhereTheAdministratorHasNone) {
    Root{directory_}.remove("/etc/os-release");
    write("/usr/lib/os-release", "ID=coreos\nVERSION_ID=1576.5.0\n");
    EXPECT_EQ(read().os_release.id(), "coreos");
}

TEST_F(HostFactsReaderTest, NamesWhatIsMissing) {
    Root{directory_}.remove("/sys/kernel/notes");
    Root{directory_}.remove("/sys/kernel");
    EXPECT_EQ(failure().code(), Errc::unsupported);
    EXPECT_THAT(failure().what(), HasSubstr("'/sys/kernel' is missing"));
    std::filesystem::remove_all(directory_ + "/proc/sys");
    EXPECT_THAT(failure().what(), HasSubstr("proc is not mounted"));
    Root{directory_}.remove("/etc/os-release");
    EXPECT_EQ(failure().code(), Errc::bad_os_release);
}

TEST_F(HostFactsReaderTest, ReadsTheMachineItRunsOn) {
    const HostFacts facts = read_host_facts(Root{"/"});
    EXPECT_FALSE(facts.mounts.empty());
    EXPECT_FALSE(facts.boot_id.empty());
}

}  // namespace
}  // namespace overdrive
