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

TEST(KernelLogTest, IsEmptyWhereThereIsNone) {
    const Root root{testing::TempDir()};
    EXPECT_TRUE(KernelLog{root}.lines_about("nvidia").empty());
}

}  // namespace
}  // namespace overdrive
