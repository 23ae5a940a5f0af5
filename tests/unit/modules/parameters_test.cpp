#include "modules/parameters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

const std::vector<std::string> kKnown{"NVreg_EnableGpuFirmware", "NVreg_RegistryDwords", "fail"};

TEST(ModuleOptionsTest, JoinsThemAndQuotesBlanks) {
    EXPECT_EQ(module_options("nvidia", {{"fail", "1"}, {"NVreg_RegistryDwords", "a=1 b=2"}}, kKnown),
              "NVreg_RegistryDwords=\"a=1 b=2\" fail=1");
    EXPECT_EQ(module_options("nvidia", {}, kKnown), "");
}

TEST(ModuleOptionsTest, NamesTheNearestParameterForAnUnknownOne) {
    try {
        static_cast<void>(module_options("nvidia", {{"NVreg_EnableGPUFirmwares", "1"}}, kKnown));
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::module_load);
        EXPECT_STREQ(error.what(),
                     "module 'nvidia' has no parameter 'NVreg_EnableGPUFirmwares'; the nearest one is "
                     "'NVreg_EnableGpuFirmware'");
    }
}

TEST(ModuleOptionsTest, RefusesValuesThatWouldBecomeOtherParameters) {
    for (const char* value : {"1\" fail=5", "1\nfail=5", "\x01"}) {
        EXPECT_THROW(static_cast<void>(module_options("nvidia", {{"fail", value}}, kKnown)), Error) << value;
    }
}

}  // namespace
}  // namespace overdrive
