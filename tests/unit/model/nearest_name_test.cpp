#include "model/nearest_name.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

const std::vector<std::string> kKnown{"NVreg_EnableGpuFirmware", "NVreg_RegistryDwords", "fail"};

TEST(NearestNameTest, IsSilentWhenNothingIsNear) {
    EXPECT_EQ(nearest_name("modeset", kKnown), "");
    EXPECT_EQ(nearest_name("fial", kKnown), "fail");
    EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(NearestNameTest, TakesLettersOfEitherCase) {
    EXPECT_EQ(nearest_name("nvreg_enablegpufirmwares", kKnown), "NVreg_EnableGpuFirmware");
}

}  // namespace
}  // namespace overdrive
