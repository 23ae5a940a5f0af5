#include "model/exposure_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"
#include "support/installed_driver.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

constexpr const char* kGeneration = "/opt/nvidia/900.1.0/12-6.1";

HostFacts host(bool usr_is_read_only) {
    HostFacts facts;
    facts.mounts = {{.target = "/", .type = "ext4", .source = "/dev/vda", .options = "rw", .super_options = "rw"},
                    {.target = "/usr",
                     .type = "squashfs",
                     .source = "/dev/vdb",
                     .options = usr_is_read_only ? "ro" : "rw",
                     .super_options = "rw"}};
    return facts;
}

DriverManifest driver() {
    DriverManifest manifest = small_manifest("900.1.0");
    manifest.libraries = {"libcuda.so.1", "libnvidia-ml.so.1"};
    return manifest;
}

TEST(ChooseModeTest, AnOverlayGoesOverAReadOnlyUsrUnlessTheOperatorWantsLinks) {
    const OsProfile& debian = profile_for("debian");
    EXPECT_EQ(choose_mode(debian, host(true), ""), ExposureMode::overlay);
    EXPECT_EQ(choose_mode(debian, host(false), ""), ExposureMode::links);
    EXPECT_EQ(choose_mode(debian, host(true), "links"), ExposureMode::links);
    EXPECT_EQ(choose_mode(debian, host(false), "overlay"), ExposureMode::overlay);
}

TEST(ChooseModeTest, FlatcarsUsrIsReadOnlyByDesign) {
    EXPECT_EQ(choose_mode(profile_for("flatcar"), host(false), ""), ExposureMode::overlay);
}

TEST(ChooseProgramDirectoryTest, IsTheProfilesUnlessThatLiesInAReadOnlyUsrLocal) {
    HostFacts facts = host(true);
    EXPECT_EQ(choose_program_directory(profile_for("debian"), facts), "/usr/local/bin");
    facts.usr_local_is_read_only = true;
    EXPECT_EQ(choose_program_directory(profile_for("debian"), facts), "/opt/bin");
    EXPECT_EQ(choose_program_directory(profile_for("flatcar"), facts), "/opt/bin");
}

TEST(PlanExposureTest, ALibraryThatTheHostHasIsACollisionOfAnOverlayOnly) {
    const OsProfile& debian = profile_for("debian");
    const std::vector<std::string> base{"libc.so.6", "libnvidia-ml.so.1"};
    try {
        static_cast<void>(plan_exposure(debian, host(true), driver(), kGeneration, "", base));
        FAIL() << "the overlay hides a library of the host";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::exposure);
        EXPECT_THAT(error.what(), HasSubstr("already has libnvidia-ml.so.1;"));
    }
    const ExposurePlan plan = plan_exposure(debian, host(true), driver(), kGeneration, "links", base);
    EXPECT_EQ(plan.mode, ExposureMode::links);
    EXPECT_EQ(plan.library_directory, std::string{kGeneration} + "/lib64");
    EXPECT_THAT(plan.programs, testing::ElementsAre("nvidia-smi"));
}

}  // namespace
}  // namespace overdrive
