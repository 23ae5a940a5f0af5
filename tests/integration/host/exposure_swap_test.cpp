#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "host_tree.hpp"
#include "overlay/mount_syscalls.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using State = Exposure::State;

/// What happens to an overlay that is there: replaced by us, covered or carried along by others.
class ExposureSwapTest : public HostTree {
protected:
    void SetUp() override {
        HostTree::SetUp();
        if (IsSkipped()) return;
        write("/lib64/ld-linux-x86-64.so.2", "#!/bin/sh\necho 'path.system_dirs[0x0]=\"/usr/lib64/\"'\n");
        fs::permissions(path("/lib64/ld-linux-x86-64.so.2"), fs::perms::all);
    }
    /// Whether this kernel can mount beneath (Linux 6.5); an overlay of ours must be there.
    [[nodiscard]] bool can_mount_beneath() const {
        if (!attach_tree_beneath(clone_tree(path("/usr/lib64")), path("/usr/lib64"))) return false;
        detach_mount(path("/usr/lib64"));
        return true;
    }
};

TEST_F(ExposureSwapTest, TheLibrariesAreVisibleAtEveryInstant) {
    exposure().apply(plan(1));
    if (!can_mount_beneath()) GTEST_SKIP() << "before Linux 6.5 a swap leaves a gap of microseconds";
    std::atomic<bool> stop = false;
    std::atomic<std::size_t> opened = 0;
    std::atomic<std::size_t> failed = 0;
    const std::string name = path("/usr/lib64/libcuda.so.1");
    std::thread reader{[&] {
        while (!stop) {
            const UniqueFd fd{::openat(AT_FDCWD, name.c_str(), O_RDONLY | O_CLOEXEC)};
            ++(fd ? opened : failed);
        }
    }};
    for (int round = 0; round < 20; ++round) exposure().apply(plan(round % 2 == 0 ? 2 : 1));
    stop = true;
    reader.join();
    EXPECT_GT(opened, 100U);
    EXPECT_EQ(failed, 0U);
    EXPECT_EQ(our_overlays(), 1U);
    EXPECT_EQ(version_seen(), 1);
}

TEST_F(ExposureSwapTest, WorksWhereTheKernelCannotMountBeneath) {
    LibmountExposure older{root(), processes_, OverlayMount::Swap::detach_and_attach};
    mount_tmpfs("/usr/lib64/modules");
    write("/usr/lib64/modules/inside", "1");
    for (const int driver : {1, 2, 1}) {
        older.apply(plan(driver));
        EXPECT_EQ(version_seen(), driver);
        EXPECT_EQ(our_overlays(), 1U);
        EXPECT_TRUE(has("/usr/lib64/modules/inside"));
        EXPECT_EQ(older.inspect(plan(driver)), State::healthy);
    }
}

TEST_F(ExposureSwapTest, AMappedLibraryKeepsWorking) {
    exposure().apply(plan(1));
    void* const handle = dlopen(path("/usr/lib64/libcuda.so.1").c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle, nullptr);
    const auto function = reinterpret_cast<int (*)()>(dlsym(handle, "driver_version"));
    exposure().apply(plan(2));
    EXPECT_EQ(function(), 1);
    EXPECT_EQ(version_seen(), 2);
    exposure().remove();
    EXPECT_EQ(function(), 1);
    EXPECT_EQ(version_seen(), 0);
    dlclose(handle);
}

TEST_F(ExposureSwapTest, AnInterruptedSwapIsFinishedByTheNextRun) {
    exposure().apply(plan(1));
    // The state between the two system calls of a swap: the new one beneath the old.
    const UniqueFd copy = clone_tree(path("/usr/lib64"));
    if (!attach_tree_beneath(copy, path("/usr/lib64"))) GTEST_SKIP() << "this kernel cannot mount beneath";
    ASSERT_EQ(our_overlays(), 2U);
    EXPECT_EQ(exposure().inspect(plan(1)), State::stale);
    exposure().apply(plan(2));
    EXPECT_EQ(our_overlays(), 1U);
    EXPECT_EQ(version_seen(), 2);
    EXPECT_EQ(exposure().inspect(plan(2)), State::healthy);
}

TEST_F(ExposureSwapTest, AMissingOrForeignStateFileOnlyMeansMountingAnew) {
    exposure().apply(plan(1));
    root().remove("/run/overdrive/exposure.json");
    EXPECT_EQ(exposure().inspect(plan(1)), State::stale);
    exposure().apply(plan(1));
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy);
    EXPECT_EQ(our_overlays(), 1U);
}

TEST_F(ExposureSwapTest, AMountOverOursIsSeenAndNotTouched) {
    exposure().apply(plan(1));
    mount_tmpfs("/usr/lib64");
    EXPECT_EQ(exposure().inspect(plan(1)), State::stale);
    const auto before = mounts();
    try {
        exposure().apply(plan(2));
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::exposure);
        EXPECT_THAT(error.what(), HasSubstr("covered by a mount of 'test' (tmpfs) that is not ours"));
    }
    EXPECT_THROW(exposure().remove(), Error);
    EXPECT_EQ(mounts(), before);
    ASSERT_EQ(umount2(path("/usr/lib64").c_str(), 0), 0);
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy) << "and is well again once it is gone";
}

TEST_F(ExposureSwapTest, ANewBaseThatHidesOursGetsAnOverlayOfItsOwn) {
    exposure().apply(plan(1));
    mount_tmpfs("/usr");
    write("/usr/lib64/libnew.so", "");
    EXPECT_EQ(exposure().inspect(plan(1)), State::stale);
    exposure().apply(plan(1));
    EXPECT_TRUE(has("/usr/lib64/libnew.so"));
    EXPECT_EQ(version_seen(), 1);
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy);
}

TEST_F(ExposureSwapTest, BeingCarriedOverAnotherBaseMakesItStale) {
    exposure().apply(plan(1));
    // What a systemd-sysext refresh does: a new /usr over the old one, and our mount is moved along. A mount can only
    // be moved away from a private parent.
    mount_or_fail(nullptr, path(), nullptr, MS_PRIVATE, "");
    mount_or_fail(nullptr, path("/usr"), nullptr, MS_PRIVATE, "");
    fs::create_directories(path("/new"));
    mount_or_fail("refreshed", path("/new"), "tmpfs", 0, "");
    write("/new/lib64/libnew.so", "came with the refresh");
    mount_or_fail(path("/usr/lib64").c_str(), path("/new/lib64"), nullptr, MS_MOVE, "");
    mount_or_fail(path("/new").c_str(), path("/usr"), nullptr, MS_MOVE, "");
    ASSERT_EQ(version_seen(), 1) << "the old overlay is still what is seen";
    ASSERT_FALSE(has("/usr/lib64/libnew.so"));
    EXPECT_EQ(exposure().inspect(plan(1)), State::stale);
    exposure().apply(plan(1));
    EXPECT_TRUE(has("/usr/lib64/libnew.so"));
    EXPECT_EQ(version_seen(), 1);
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy);
}

TEST_F(ExposureSwapTest, ABaseThatIsAMountOfItsOwnStaysTheBase) {
    mount_tmpfs("/usr/lib64");
    write("/usr/lib64/libown.so", "");
    for (const int driver : {1, 2}) {
        exposure().apply(plan(driver));
        EXPECT_EQ(version_seen(), driver);
        EXPECT_TRUE(has("/usr/lib64/libown.so"));
        EXPECT_FALSE(has("/usr/lib64/libc.so.6"));
        EXPECT_EQ(exposure().inspect(plan(driver)), State::healthy);
        EXPECT_EQ(exposure().base_names("/usr/lib64"), std::vector<std::string>{"libown.so"});
    }
    exposure().remove();
    EXPECT_TRUE(has("/usr/lib64/libown.so"));
    EXPECT_EQ(our_overlays(), 0U);
}

TEST_F(ExposureSwapTest, WhatIsMountedInASubmountLaterIsSeenToo) {
    mount_tmpfs("/usr/lib64/modules");
    fs::create_directories(path("/usr/lib64/modules/later"));
    fs::create_directories(path("/elsewhere"));
    mount_or_fail(path("/usr/lib64/modules").c_str(), path("/elsewhere"), nullptr, MS_BIND, "");
    exposure().apply(plan(1));
    exposure().apply(plan(2));
    mount_or_fail("later", path("/elsewhere/later"), "tmpfs", 0, "");
    write("/elsewhere/later/inside", "");
    EXPECT_TRUE(has("/usr/lib64/modules/later/inside"));
}

}  // namespace
}  // namespace overdrive
