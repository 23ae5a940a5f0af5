#include "modules/kernel_log.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

TEST(KernelLogTest, TakesTheTextOfARecord) {
    EXPECT_EQ(text_of_record("4,345,98765,-;nvidia: version magic 'a' should be 'b'\n SUBSYSTEM=x\n"),
              "nvidia: version magic 'a' should be 'b'");
    EXPECT_EQ(text_of_record("6,1,2,-;"), "");
    EXPECT_EQ(text_of_record("no record"), "");
}

TEST(KernelLogTest, LinesAboutTheDriverAreToldFromOthers) {
    for (const char* line : {"NVRM: Xid (PCI:0000:07:00): 79, pid=1, GPU has fallen off the bus.",
                             "nvidia: version magic 'a' should be 'b'", "nouveau 0000:07:00.0: NVIDIA TU104",
                             "Loading of unsigned module is rejected"})
        EXPECT_TRUE(is_about_driver(line)) << line;
    EXPECT_FALSE(is_about_driver("EXT4-fs (vda): mounted filesystem"));
    EXPECT_FALSE(is_about_driver("Kernel command line: nvidia.x=1 ignition.token=secret"))
        << "the command line may hold other programs' secrets";
}

TEST(KernelLogTest, IsEmptyWhereThereIsNone) {
    const Root root{testing::TempDir()};
    EXPECT_TRUE(driver_lines(root, 10).empty());
    EXPECT_TRUE(KernelLog{root}.lines_about("nvidia").empty());
}

}  // namespace
}  // namespace overdrive
