#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "devices/proc_device_holders.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::Field;
using testing::Not;

/// A device that hardly anybody has open, under a name of our own, as a container has it.
constexpr unsigned kMemoryMajor = 1;
constexpr unsigned kFullMinor = 7;
constexpr unsigned kZeroMinor = 5;

/// A child process that does `hold` and then stays until it is told to go.
class HoldingChild {
public:
    template <typename Hold>
    explicit HoldingChild(Hold&& hold) {
        std::array<int, 2> ready{};
        if (pipe2(ready.data(), O_CLOEXEC) != 0) return;
        pid_ = fork();
        if (pid_ == 0) {
            const char said = hold() ? 'y' : 'n';
            static_cast<void>(!write(ready[1], &said, 1));
            for (;;) pause();
        }
        close(ready[1]);
        char said = 'n';
        holds_ = read(ready[0], &said, 1) == 1 && said == 'y';
        close(ready[0]);
    }
    HoldingChild(const HoldingChild&) = delete;
    HoldingChild& operator=(const HoldingChild&) = delete;
    ~HoldingChild() { end(); }

    void end() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool holds() const { return holds_; }

private:
    pid_t pid_ = 0;
    bool holds_ = false;
};

class DeviceHoldersTest : public testing::Test {
protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "making device nodes and looking into processes needs root";
    }
    [[nodiscard]] std::string node(unsigned minor_number) const {
        const std::string path = directory_.path() + "/gpu";
        EXPECT_EQ(mknod(path.c_str(), S_IFCHR | 0600, makedev(kMemoryMajor, minor_number)), 0);
        return path;
    }
    [[nodiscard]] static std::vector<DeviceHolder> find(unsigned minor_number) {
        return find_device_holders(Root{"/"}, {{}, {makedev(kMemoryMajor, minor_number)}});
    }
    static auto is(pid_t pid) { return Contains(Field(&DeviceHolder::pid, pid)); }

private:
    TemporaryRoot directory_;
};

TEST_F(DeviceHoldersTest, FindsAnOpenDeviceByItsNumberWhateverItsName) {
    const std::string path = node(kFullMinor);
    HoldingChild child{[&] {
        const int device = open(path.c_str(), O_RDWR | O_CLOEXEC);
        unlink(path.c_str());
        return device >= 0;
    }};
    ASSERT_TRUE(child.holds());
    const auto holders = find(kFullMinor);
    ASSERT_THAT(holders, is(child.pid()));
    for (const DeviceHolder& holder : holders) {
        if (holder.pid != child.pid()) continue;
        EXPECT_EQ(holder.program, "host_test");
        EXPECT_NE(holder.command.find("host_test"), std::string::npos);
    }
    child.end();
    EXPECT_THAT(find(kFullMinor), Not(is(child.pid())));
}

TEST_F(DeviceHoldersTest, FindsADeviceThatIsMappedButNoLongerOpen) {
    const std::string path = node(kZeroMinor);
    const HoldingChild child{[&] {
        const int device = open(path.c_str(), O_RDWR | O_CLOEXEC);
        const void* const mapped = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, device, 0);
        close(device);
        unlink(path.c_str());
        return mapped != MAP_FAILED;
    }};
    ASSERT_TRUE(child.holds());
    EXPECT_THAT(find(kZeroMinor), is(child.pid()));
}

TEST_F(DeviceHoldersTest, AProcessWithoutTheDeviceIsNoHolder) {
    const HoldingChild child{[] { return true; }};
    EXPECT_THAT(find(kFullMinor), Not(is(child.pid())));
    EXPECT_THAT(find(kZeroMinor), Not(is(child.pid())));
}

TEST_F(DeviceHoldersTest, WeAreNoHolderOurselves) {
    const int device = open("/dev/full", O_RDWR | O_CLOEXEC);
    ASSERT_GE(device, 0);
    EXPECT_THAT(find(kFullMinor), Not(is(getpid())));
    close(device);
}

TEST_F(DeviceHoldersTest, ProcessesThatEndMeanwhileAreNoError) {
    const pid_t spawner = fork();
    if (spawner == 0) {
        for (;;) {
            const pid_t child = fork();
            if (child == 0) _exit(0);
            waitpid(child, nullptr, 0);
        }
    }
    for (int times = 0; times < 20; ++times) EXPECT_NO_THROW(static_cast<void>(find(kFullMinor)));
    kill(spawner, SIGKILL);
    waitpid(spawner, nullptr, 0);
}

}  // namespace
}  // namespace overdrive
