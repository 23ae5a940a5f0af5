#include "cdi/requirements.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

DriverAbilities data_center() {
    return {.cuda = "12.4", .driver = "550.163.01", .gpus = {{.architecture = "9.0", .brand = "Tesla"}}};
}

/// Why `expression` does not hold; empty: it does.
std::string why_not(const std::string& expression, const DriverAbilities& abilities = data_center()) {
    const std::vector<ImageRequirement> one{{"NVIDIA_REQUIRE_CUDA", expression}};
    const auto unmet = unmet_requirements(one, abilities);
    return unmet.empty() ? "" : unmet.front().why;
}

TEST(CdiRequirementsTest, VersionsAreComparedGroupByGroup) {
    for (const char* good : {"cuda>=12.4", "cuda>=12.4.0", "cuda=12.4", "cuda<=12.10", "cuda<12.10", "cuda>9.2",
                             "cuda!=12", "driver>=550", "driver<550.200", "arch>=7.5", "driver=550.163.1"})
        EXPECT_EQ(why_not(good), "") << good;
    for (const char* bad : {"cuda>=12.5", "cuda>12.4.0", "cuda<12.4", "cuda!=12.4.0", "driver>=560", "arch<9"})
        EXPECT_NE(why_not(bad), "") << bad;
    EXPECT_EQ(why_not("cuda>=12.6"), "it wants cuda>=12.6, the driver's newest CUDA is 12.4");
}

TEST(CdiRequirementsTest, OneAlternativeIsEnoughAndAllItsConditionsMustHold) {
    EXPECT_EQ(why_not("cuda>=12.6 brand=tesla,driver>=535,driver<551"), "");
    EXPECT_EQ(
        why_not("cuda>=12.6 brand=tesla,driver>=470,driver<471"),
        "it wants cuda>=12.6, the driver's newest CUDA is 12.4, and it wants driver<471, the driver is 550.163.01");
    EXPECT_EQ(why_not(""), "");
    EXPECT_EQ(why_not("  "), "");
}

TEST(CdiRequirementsTest, BrandsAreWords) {
    EXPECT_EQ(why_not("brand=TESLA"), "");
    EXPECT_EQ(why_not("brand!=GeForce"), "");
    EXPECT_NE(why_not("brand=GeForce"), "");
    EXPECT_THROW(static_cast<void>(why_not("brand>=tesla")), Error);
}

TEST(CdiRequirementsTest, EveryGpuMustDo) {
    DriverAbilities two = data_center();
    two.gpus.push_back({.architecture = "7.0", .brand = "Tesla"});
    EXPECT_EQ(why_not("arch>=7", two), "");
    EXPECT_THAT(why_not("arch>=8", two), HasSubstr("the arch is 7.0"));
}

TEST(CdiRequirementsTest, WhatIsNotKnownHolds) {
    EXPECT_EQ(why_not("cuda>=99,driver>=999 arch>=99", {}), "");
    EXPECT_EQ(why_not("weather=fine"), "");
    EXPECT_EQ(why_not("cuda>=12.9", {.cuda = "unclear"}), "");
    EXPECT_NE(why_not("driver>=999", {.driver = "550.1"}), "") << "of the driver, without a GPU";
}

TEST(CdiRequirementsTest, WhatIsNoExpressionIsRefusedByItsVariable) {
    for (const char* bad : {"cuda", "cuda>=", ">=12", "cuda>=12,", ",cuda>=1", "cuda>=twelve", "cuda>=12..1",
                            "cuda>=12.4 x", "cuda>=-1", "cuda==12", "cuda>=99999999999999999999"}) {
        try {
            static_cast<void>(why_not(bad));
            FAIL() << bad;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::usage);
            EXPECT_THAT(error.what(), HasSubstr("NVIDIA_REQUIRE_CUDA='")) << bad;
        }
    }
}

TEST(CdiRequirementsTest, TheEnvironmentNamesThem) {
    EXPECT_THAT(image_requirements({{"NVIDIA_REQUIRE_CUDA", "cuda>=12.4"},
                                    {"NVIDIA_REQUIRE_DRIVER", "driver>=550"},
                                    {"NVIDIA_REQUIRE_JETPACK", "jetpack>=5"},
                                    {"NVIDIA_VISIBLE_DEVICES", "all"},
                                    {"CUDA_VERSION", "12.4.1"}}),
                ElementsAre(ImageRequirement{"NVIDIA_REQUIRE_CUDA", "cuda>=12.4"},
                            ImageRequirement{"NVIDIA_REQUIRE_DRIVER", "driver>=550"}));
    EXPECT_THAT(image_requirements({{"PATH", "/bin"}}), IsEmpty());
}

TEST(CdiRequirementsTest, AnOldImageWantsTheCudaItWasBuiltWith) {
    const auto of = [](const char* version) { return image_requirements({{"CUDA_VERSION", version}}); };
    EXPECT_THAT(of("v12.4.1"), ElementsAre(ImageRequirement{"CUDA_VERSION", "cuda>=12.4"}));
    EXPECT_THAT(of("8"), ElementsAre(ImageRequirement{"CUDA_VERSION", "cuda>=8.0"}));
    EXPECT_THAT(of(""), IsEmpty());
    for (const char* bad : {"12.4.1.1", "twelve", "12.", "v"}) EXPECT_THROW(static_cast<void>(of(bad)), Error) << bad;
}

TEST(CdiRequirementsTest, TheyCanBeSwitchedOff) {
    const auto with = [](const char* value) {
        return image_requirements({{"NVIDIA_DISABLE_REQUIRE", value}, {"NVIDIA_REQUIRE_CUDA", "cuda>=99"}}).size();
    };
    for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) EXPECT_EQ(with(yes), 0U) << yes;
    for (const char* no : {"0", "false", "yes", ""}) EXPECT_EQ(with(no), 1U) << no;
}

}  // namespace
}  // namespace overdrive
