#include "cdi/names.hpp"

#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

bool is_qualified(std::string_view text) {
    try {
        return parse_cdi_name(text).text() == text;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::usage);
        return false;
    }
}

TEST(CdiNameTest, TakesWhatTheSpecificationAllows) {
    for (const char* name : {"nvidia.com/gpu=all", "nvidia.com/gpu=0", "nvidia.com/gpu=0:1", "a/b=c",
                             "v-e_n.d0r/cl.as-s_1=d_e.v:1", "x.y/z=GPU-6d5c2f3e-0000-1111-2222-333344445555"})
        EXPECT_TRUE(is_qualified(name)) << name;
}

TEST(CdiNameTest, RefusesEveryPartThatIsNotWellFormed) {
    for (const char* name : {"",
                             "all",
                             "gpu=all",
                             "nvidia.com/gpu",
                             "nvidia.com/gpu=",
                             "/gpu=all",
                             "nvidia.com/=all",
                             "=all",
                             "/dev/nvidia0",
                             "/dev/x=y",
                             "0vendor/gpu=all",
                             "vendor_/gpu=all",
                             "vendor/9class=all",
                             "vendor/gpu-=all",
                             "vendor/g pu=all",
                             "vendor/gpu=_0",
                             "vendor/gpu=0_",
                             "vendor/gpu=a/b",
                             "vendor/gpu=*",
                             "v*/gpu=0",
                             "vendor/a/b=0",
                             "ven\xc3\xa9/gpu=0"})
        EXPECT_FALSE(is_qualified(name)) << name;
}

TEST(CdiNameTest, PartsAreFoundWhetherTheyAreWellFormedOrNot) {
    const auto name = split_cdi_name("*.org/-x=?");
    ASSERT_TRUE(name);
    EXPECT_EQ(name->vendor, "*.org");
    EXPECT_EQ(name->class_name, "-x");
    EXPECT_EQ(name->device, "?");
    EXPECT_FALSE(split_cdi_name("/dev/sda=1"));
}

TEST(CdiNameTest, SaysWhichPartIsWrong) {
    try {
        static_cast<void>(parse_cdi_name("vendor/gpu=0_"));
        FAIL();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(),
                     "'vendor/gpu=0_' is no CDI device name: device name '0_' must end with a letter or digit");
    }
}

}  // namespace
}  // namespace overdrive
