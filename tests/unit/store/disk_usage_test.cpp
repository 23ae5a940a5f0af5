#include "store/disk_usage.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/installed_driver.hpp"

namespace overdrive {
namespace {

namespace fs = std::filesystem;

TEST(FreedSharedBytesTest, FreesWhatOnlyFilesThatGoShare) {
    EXPECT_EQ(freed_shared_bytes({{0, 100}, {0, 100}}, {}), 100U);
    EXPECT_EQ(freed_shared_bytes({{0, 100}, {0, 100}, {0, 100}}, {}), 100U);
    EXPECT_EQ(freed_shared_bytes({{0, 100}, {40, 60}}, {}), 20U);
}

TEST(FreedSharedBytesTest, FreesNothingThatStaysSomewhere) {
    EXPECT_EQ(freed_shared_bytes({{0, 100}, {0, 100}}, {{0, 100}}), 0U);
    EXPECT_EQ(freed_shared_bytes({{0, 100}, {0, 100}}, {{90, 200}, {0, 10}}), 80U);
    EXPECT_EQ(freed_shared_bytes({{0, 100}}, {}), 0U) << "shared with a file that is not ours";
    EXPECT_EQ(freed_shared_bytes({}, {{0, 100}}), 0U);
}

class DiskUsageTest : public testing::Test {
protected:
    DiskUsageTest() {
        for (const Pair& pair : {first_, second_}) dir_.write(file(pair), std::string(100'000, 'x'));
    }
    static std::string file(const Pair& pair) { return "opt/nvidia/" + pair.path() + "/lib64/a.so"; }
    std::uint64_t allocated(const std::string& path) {
        return static_cast<std::uint64_t>(dir_.root().link_status(path)->st_blocks) * 512;
    }
    /// Directories of one generation: `<os>` and `lib64`.
    std::uint64_t directories(const Pair& pair) {
        return allocated("opt/nvidia/" + pair.path()) + allocated("opt/nvidia/" + pair.path() + "/lib64");
    }

    TemporaryRoot dir_;
    Store store_{dir_.root()};
    const Pair first_{DriverId::parse("900.1.0"), "os1"};
    const Pair second_{DriverId::parse("900.1.0"), "os2"};
};

TEST_F(DiskUsageTest, CountsWhatTheFileSystemAllocatedNotWhatTheFilesSay) {
    fs::resize_file(dir_.path() + "/" + file(first_), 50'000'000);  // a hole
    const FreedSpace freed = freed_by_removing(store_, {first_}, {second_});
    EXPECT_EQ(freed.bytes, allocated(file(first_)) + directories(first_));
    EXPECT_LT(freed.bytes, 1'000'000U);
    EXPECT_EQ(freed.inodes, 3U);
}

TEST_F(DiskUsageTest, FreesAHardLinkedFileWithItsLastName) {
    fs::remove(dir_.path() + "/" + file(second_));
    fs::create_hard_link(dir_.path() + "/" + file(first_), dir_.path() + "/" + file(second_));
    const FreedSpace one = freed_by_removing(store_, {first_}, {second_});
    EXPECT_EQ(one.bytes, directories(first_));
    EXPECT_EQ(one.inodes, 2U);
    const FreedSpace both = freed_by_removing(store_, {first_, second_}, {});
    EXPECT_EQ(both.bytes, allocated(file(first_)) + directories(first_) + directories(second_));
    EXPECT_EQ(both.inodes, 5U);
}

TEST_F(DiskUsageTest, FreesNothingWhereNothingGoes) {
    EXPECT_EQ(freed_by_removing(store_, {}, {first_}).bytes, 0U);
    EXPECT_EQ(freed_by_removing(store_, {Pair{DriverId::parse("900.9.9"), "os1"}}, {first_}).inodes, 0U);
}

}  // namespace
}  // namespace overdrive
