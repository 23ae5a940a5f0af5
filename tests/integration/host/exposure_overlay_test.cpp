#include <gmock/gmock.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "host_tree.hpp"
#include "overlay/libmount_table.hpp"
#include "overlay/overlay_spec.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using State = Exposure::State;

class ExposureOverlayTest : public HostTree {
protected:
    [[nodiscard]] Error failure(const ExposurePlan& wanted) {
        try {
            exposure().apply(wanted);
        } catch (const Error& error) {
            return error;
        }
        return {Errc::usage, "nothing was thrown"};
    }
    /// A host whose loader does not need to be told: no loader, no ldconfig is there, so the step is left out by making
    /// the host's own ldconfig absent and its loader say that the target is a default directory.
    void SetUp() override {
        HostTree::SetUp();
        if (IsSkipped()) return;
        write("/lib64/ld-linux-x86-64.so.2", "#!/bin/sh\necho 'path.system_dirs[0x0]=\"/usr/lib64/\"'\n");
        fs::permissions(path("/lib64/ld-linux-x86-64.so.2"), fs::perms::all);
    }
};

TEST_F(ExposureOverlayTest, ShowsTheLibrariesBesideTheHostsOwn) {
    EXPECT_EQ(exposure().inspect(plan(1)), State::absent);
    exposure().apply(plan(1));
    EXPECT_EQ(version_seen(), 1);
    EXPECT_TRUE(has("/usr/lib64/libc.so.6"));
    EXPECT_EQ(our_overlays(), 1U);
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy);
    EXPECT_EQ(exposure().inspect(plan(2)), State::stale);
    EXPECT_EQ(root().read_link("/opt/bin/nvidia-smi"), "/opt/nvidia/current/bin/nvidia-smi");
    EXPECT_EQ(exposure().base_names("/usr/lib64"), (std::vector<std::string>{"libc.so.6", "modules"}));
}

TEST_F(ExposureOverlayTest, NothingCanBeWrittenThroughIt) {
    exposure().apply(plan(1));
    EXPECT_FALSE(std::ofstream{path("/usr/lib64/new")}.is_open());
    const auto mount = read_mount_table().visible_at(path("/usr/lib64"))->options;
    EXPECT_TRUE(has_option(mount, "ro"));
}

TEST_F(ExposureOverlayTest, ApplyingTwiceChangesNothing) {
    exposure().apply(plan(1));
    const auto mounts_before = mounts();
    const auto tree_before = tree("");
    exposure().apply(plan(1));
    EXPECT_EQ(mounts(), mounts_before);
    EXPECT_EQ(tree(""), tree_before);
}

TEST_F(ExposureOverlayTest, RemoveRestoresTheHost) {
    const auto mounts_before = mounts();
    const auto etc_before = tree("/etc");
    const auto usr_before = tree("/usr");
    exposure().apply(plan(1));
    exposure().remove();
    EXPECT_EQ(mounts(), mounts_before);
    EXPECT_EQ(tree("/etc"), etc_before);
    EXPECT_EQ(tree("/usr"), usr_before);
    EXPECT_FALSE(has("/opt/bin"));
    EXPECT_EQ(exposure().inspect(plan(1)), State::absent);
    EXPECT_NO_THROW(exposure().remove()) << "removing what is absent is no error";
}

TEST_F(ExposureOverlayTest, TheNextBootFindsWhatLastsAndStartsNoProcess) {
    const auto mounts_before = mounts();
    write("/lib64/ld-linux-x86-64.so.2",
          "#!/bin/sh\necho >>" + path("/asked") + "\necho 'path.system_dirs[0x0]=\"/usr/lib64/\"'\n");
    exposure().apply(plan(1));
    const auto opt_before = tree("/opt");
    EXPECT_EQ(*root().read_file("/asked"), "\n");
    exposure().detach();
    EXPECT_EQ(mounts(), mounts_before);
    EXPECT_TRUE(has("/opt/bin/nvidia-smi"));
    EXPECT_EQ(exposure().inspect(plan(1)), State::absent) << "links to programs are no libraries";
    exposure().apply(plan(1));
    EXPECT_EQ(version_seen(), 1);
    EXPECT_EQ(tree("/opt"), opt_before);
    EXPECT_EQ(*root().read_file("/asked"), "\n") << "what the loader said holds while it is the same";
    write("/lib64/ld-linux-x86-64.so.2", *root().read_file("/lib64/ld-linux-x86-64.so.2") + "# updated\n");
    exposure().apply(plan(1));
    EXPECT_EQ(*root().read_file("/asked"), "\n\n");
}

TEST_F(ExposureOverlayTest, TheOrderOfNamesInThePlanDoesNotMatter) {
    ExposurePlan other_order = plan(1);
    std::reverse(other_order.libraries.begin(), other_order.libraries.end());
    exposure().apply(other_order);
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy);
    EXPECT_EQ(exposure().inspect(other_order), State::healthy);
}

TEST_F(ExposureOverlayTest, KeepsWhatIsMountedBelowTheTarget) {
    mount_tmpfs("/usr/lib64/modules");
    write("/usr/lib64/modules/inside", "1");
    mount_tmpfs("/usr/lib64/modules/deeper");
    write("/usr/lib64/modules/deeper/inside", "2");
    for (const int driver : {1, 2}) {
        exposure().apply(plan(driver));
        EXPECT_TRUE(has("/usr/lib64/modules/inside")) << driver;
        EXPECT_TRUE(has("/usr/lib64/modules/deeper/inside")) << driver;
        EXPECT_FALSE(has("/usr/lib64/modules/kept")) << "the submount still covers it";
    }
    exposure().remove();
    EXPECT_TRUE(has("/usr/lib64/modules/deeper/inside"));
}

TEST_F(ExposureOverlayTest, ANameThatTheHostHasIsRefusedAndNothingIsChanged) {
    mount_or_fail(nullptr, path("/usr"), nullptr, MS_REMOUNT | MS_BIND, "");
    write("/usr/lib64/libcuda.so.1", "the host's own");
    const auto before = mounts();
    const Error error = failure(plan(1));
    EXPECT_EQ(error.code(), Errc::exposure);
    EXPECT_THAT(error.what(), HasSubstr("already has libcuda.so.1"));
    EXPECT_EQ(mounts(), before);
    EXPECT_EQ(exposure().inspect(plan(1)), State::absent);
}

TEST_F(ExposureOverlayTest, FollowsALinkedLibraryDirectory) {
    mount_tmpfs("/usr");
    write("/usr/lib/libc.so.6", "");
    fs::create_directory_symlink("lib", path("/usr/lib64"));
    exposure().apply(plan(1));
    EXPECT_EQ(version_seen("/usr/lib/libcuda.so.1"), 1);
    EXPECT_EQ(version_seen(), 1);
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy);
    exposure().remove();
    EXPECT_EQ(our_overlays(), 0U);
}

TEST_F(ExposureOverlayTest, AMissingTargetIsNamed) {
    mount_tmpfs("/usr");
    const Error error = failure(plan(1));
    EXPECT_EQ(error.code(), Errc::exposure);
    EXPECT_THAT(error.what(), HasSubstr("'/usr/lib64' is missing"));
    EXPECT_THAT(error.remedy(), HasSubstr("links"));
}

TEST_F(ExposureOverlayTest, OnlyLibrariesDirectlyInTheDirectoryAreExposed) {
    write("/opt/nvidia/900.1.0/12-6.1/lib64/vdpau/libvdpau_nvidia.so", "");
    write("/opt/nvidia/900.1.0/12-6.1/lib64/notes.txt", "");
    exposure().apply(plan(1));
    EXPECT_EQ(version_seen(), 1);
    EXPECT_FALSE(has("/usr/lib64/vdpau"));
    EXPECT_FALSE(has("/usr/lib64/notes.txt"));
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy);
    EXPECT_TRUE(has("/opt/nvidia/.overdrive/exposed/900.1.0"));
    exposure().apply(plan(2));
    EXPECT_FALSE(has("/opt/nvidia/.overdrive/exposed")) << "the other generation's lib64 holds nothing else";
    EXPECT_EQ(version_seen(), 2);
    exposure().apply(plan(1));
    exposure().remove();
    EXPECT_FALSE(has("/opt/nvidia/.overdrive/exposed"));
}

TEST_F(ExposureOverlayTest, ANoexecGenerationIsRefused) {
    mount_or_fail(path("/opt/nvidia").c_str(), path("/opt/nvidia"), nullptr, MS_BIND, "");
    mount_or_fail(nullptr, path("/opt/nvidia"), nullptr, MS_REMOUNT | MS_BIND | MS_NOEXEC, "");
    EXPECT_THAT(failure(plan(1)).what(), HasSubstr("mounted noexec"));
    EXPECT_EQ(our_overlays(), 0U);
}

TEST_F(ExposureOverlayTest, ADamagedGenerationIsRefused) {
    root().remove("/opt/nvidia/900.1.0/12-6.1/lib64/libcuda.so.1");
    EXPECT_THAT(failure(plan(1)).what(), HasSubstr("libcuda.so.1' is missing; the generation is damaged"));
}

TEST_F(ExposureOverlayTest, AForeignProgramIsRefusedBeforeAnythingIsMounted) {
    write("/opt/bin/nvidia-smi", "someone else's");
    EXPECT_THAT(failure(plan(1)).what(), HasSubstr("/opt/bin/nvidia-smi was not put there by overdrive"));
    EXPECT_EQ(our_overlays(), 0U);
}

TEST_F(ExposureOverlayTest, SaysWhenTooManyOverlaysAreStackedBelow) {
    for (const char* layer : {"/one", "/two"}) fs::create_directories(path(layer));
    mount_or_fail("composefs", path("/usr"), "overlay", MS_RDONLY, "lowerdir=" + path("/one") + ":" + path("/usr"));
    mount_or_fail("sysext", path("/usr"), "overlay", MS_RDONLY, "lowerdir=" + path("/two") + ":" + path("/usr"));
    const Error error = failure(plan(1));
    EXPECT_EQ(error.code(), Errc::exposure);
    EXPECT_THAT(error.what(), HasSubstr("overlays"));
    EXPECT_THAT(error.remedy(), HasSubstr("links"));
    EXPECT_EQ(our_overlays(), 0U);
}

TEST_F(ExposureOverlayTest, LiesOnOneOverlayHoweverOftenItIsReplaced) {
    fs::create_directories(path("/one"));
    mount_or_fail("sysext", path("/usr"), "overlay", MS_RDONLY, "lowerdir=" + path("/one") + ":" + path("/usr"));
    for (int round = 0; round < 4; ++round) {
        exposure().apply(plan(1 + round % 2));
        EXPECT_EQ(version_seen(), 1 + round % 2);
        EXPECT_EQ(our_overlays(), 1U);
    }
}

}  // namespace
}  // namespace overdrive
