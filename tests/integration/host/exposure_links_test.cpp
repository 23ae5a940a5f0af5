#include <gmock/gmock.h>

#include <filesystem>

#include "host_tree.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using State = Exposure::State;

/// A host whose loader must be told: it has this machine's own ldconfig and loader, in a tree of its own.
class ExposureLinksTest : public HostTree {
protected:
    void SetUp() override {
        HostTree::SetUp();
        if (IsSkipped()) return;
        const fs::path ldconfig = fs::exists("/sbin/ldconfig") ? "/sbin/ldconfig" : "/usr/sbin/ldconfig";
        if (!fs::exists(ldconfig)) GTEST_SKIP() << "this machine has no ldconfig";
        fs::create_directories(path("/sbin"));
        fs::create_directories(path("/lib64"));
        fs::copy_file(ldconfig, path("/sbin/ldconfig"));
        for (const char* loader : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"}) {
            if (!fs::exists(loader)) continue;
            fs::create_directories(fs::path{path(loader)}.parent_path());
            fs::copy_file(fs::canonical(loader), path(loader));
        }
        write("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n");
        ASSERT_EQ(run({path("/sbin/ldconfig"), "-r", path()}).exit_code, 0);
    }

    ProcessResult run(std::vector<std::string> arguments) {
        return processes_.run({std::move(arguments), {}, std::chrono::seconds{30}});
    }
    /// What the host's linker cache lists.
    std::string listed() { return run({path("/sbin/ldconfig"), "-r", path(), "-p"}).output; }
};

TEST_F(ExposureLinksTest, TheLinkerFindsTheGenerationsOwnDirectory) {
    EXPECT_EQ(exposure().inspect(links_plan(1)), State::absent);
    exposure().apply(links_plan(1));
    EXPECT_THAT(listed(), HasSubstr("=> /opt/nvidia/900.1.0/12-6.1/lib64/libcuda.so.1"));
    EXPECT_EQ(our_overlays(), 0U);
    EXPECT_TRUE(has("/opt/bin/nvidia-smi"));
    EXPECT_EQ(exposure().inspect(links_plan(1)), State::healthy);
    EXPECT_EQ(exposure().inspect(links_plan(2)), State::stale);
}

TEST_F(ExposureLinksTest, ApplyingTwiceChangesNothing) {
    exposure().apply(links_plan(1));
    const auto before = tree("");
    const auto inode = root().status("/etc/ld.so.cache")->st_ino;
    exposure().apply(links_plan(1));
    EXPECT_EQ(tree(""), before);
    EXPECT_EQ(root().status("/etc/ld.so.cache")->st_ino, inode) << "the cache was not even rewritten";
}

TEST_F(ExposureLinksTest, TheNextBootFindsTheLinkersCacheAsItWas) {
    exposure().apply(links_plan(1));
    exposure().detach();
    EXPECT_EQ(exposure().inspect(links_plan(1)), State::healthy);
    EXPECT_EQ(exposure().inspect(links_plan(2)), State::stale) << "the linker still finds what is not wanted any more";
    exposure().remove();
    EXPECT_EQ(exposure().inspect(links_plan(1)), State::absent);
    EXPECT_FALSE(has("/opt/nvidia/.overdrive/exposure.json"));
}

TEST_F(ExposureLinksTest, TheGenerationItselfIsNotTouched) {
    root().remove("/opt/nvidia/900.1.0/12-6.1/lib64/libcuda.so.1");
    ExposurePlan without_link = links_plan(1);
    without_link.libraries = {"libcuda.so.900.1.0"};
    const auto before = tree("/opt/nvidia/900.1.0");
    // ldconfig would make the missing link; whether the rest succeeds is not the subject.
    try {
        exposure().apply(without_link);
    } catch (const Error&) {
    }
    EXPECT_EQ(tree("/opt/nvidia/900.1.0"), before);
}

TEST_F(ExposureLinksTest, AnotherGenerationTakesItsPlace) {
    exposure().apply(links_plan(1));
    exposure().apply(links_plan(2));
    EXPECT_THAT(listed(), HasSubstr("/opt/nvidia/900.2.0/12-6.1/lib64/libcuda.so.1"));
    EXPECT_THAT(listed(), Not(HasSubstr("900.1.0")));
    EXPECT_EQ(exposure().inspect(links_plan(2)), State::healthy);
}

TEST_F(ExposureLinksTest, RemoveRestoresTheHost) {
    const std::string listed_before = listed();
    const auto conf_before = tree("/etc/ld.so.conf.d");
    exposure().apply(links_plan(1));
    exposure().remove();
    EXPECT_EQ(listed(), listed_before);
    EXPECT_EQ(tree("/etc/ld.so.conf.d"), conf_before);
    EXPECT_EQ(exposure().inspect(links_plan(1)), State::absent);
}

TEST_F(ExposureLinksTest, AnOverlayOutsideTheLoadersDirectoriesIsListedToo) {
    exposure().apply(plan(1));
    EXPECT_THAT(listed(), HasSubstr("=> /usr/lib64/libcuda.so.1"));
    EXPECT_EQ(exposure().inspect(plan(1)), State::healthy);
    const auto before = tree("/etc");
    exposure().apply(plan(1));
    EXPECT_EQ(tree("/etc"), before);
}

TEST_F(ExposureLinksTest, ChangingTheModeLeavesNothingOfTheOther) {
    exposure().apply(plan(1));
    EXPECT_EQ(exposure().inspect(links_plan(1)), State::stale);
    exposure().apply(links_plan(1));
    EXPECT_EQ(our_overlays(), 0U);
    EXPECT_THAT(listed(), Not(HasSubstr("=> /usr/lib64/libcuda.so.1")));
    EXPECT_EQ(exposure().inspect(links_plan(1)), State::healthy);
    exposure().apply(plan(2));
    EXPECT_THAT(listed(), Not(HasSubstr("/opt/nvidia")));
    EXPECT_EQ(exposure().inspect(plan(2)), State::healthy);
}

TEST_F(ExposureLinksTest, AFailingLdconfigKeepsTheOldCache) {
    const std::string before = listed();
    fs::rename(path("/sbin/ldconfig"), path("/sbin/real"));
    write("/sbin/ldconfig", "#!/bin/sh\necho 'no room left'; exit 1\n");
    fs::permissions(path("/sbin/ldconfig"), fs::perms::all);
    try {
        exposure().apply(links_plan(1));
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::exposure);
        EXPECT_THAT(error.what(), HasSubstr("no room left"));
    }
    fs::rename(path("/sbin/real"), path("/sbin/ldconfig"));
    EXPECT_EQ(listed(), before);
    EXPECT_FALSE(has("/etc/ld.so.conf.d/overdrive-nvidia.conf"));
}

}  // namespace
}  // namespace overdrive
