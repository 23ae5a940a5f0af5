#include "model/driver_user.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

TEST(LibraryVersionTest, IsAtTheEndOfTheNamesOfTheDriversLibraries) {
    EXPECT_EQ(library_version("libcuda.so.550.163.01"), "550.163.01");
    EXPECT_EQ(library_version("libnvidia-ml.so.535.104"), "535.104");
    EXPECT_EQ(library_version("libGLX_nvidia.so.550.163.01"), "550.163.01");
    EXPECT_EQ(library_version("libnvcuvid.so.900.1.0"), "900.1.0");
}

TEST(LibraryVersionTest, OtherFilesHaveNone) {
    for (const char* name : {"libc.so.6", "libcuda.so.1", "libcuda.so", "libOpenCL.so.1.0.0", "libGLX.so.0.0.0",
                             "libnvidia-ml.so.", "libnvidia-ml.so.x.y", "libnvidia-ml.so.1.", "libnvidia-ml.so..1",
                             "libnvidia-ml.so.1.2.3.4", "nvidia-smi", ""})
        EXPECT_EQ(library_version(name), "") << name;
}

}  // namespace
}  // namespace overdrive
