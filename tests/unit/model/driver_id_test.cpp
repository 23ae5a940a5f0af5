#include "model/driver_id.hpp"

#include <gtest/gtest.h>

#include "model/wish_meaning.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

TEST(DriverIdTest, SplitsVersionBranchAndModuleType) {
    const DriverId driver = DriverId::parse("550.163.01-open");
    EXPECT_EQ(driver.version(), "550.163.01");
    EXPECT_EQ(driver.branch(), "550");
    EXPECT_TRUE(driver.open_modules());
    EXPECT_FALSE(DriverId::parse("535.309.01").open_modules());
}

TEST(DriverIdTest, RefusesWhatCouldBeAPathOrAnOption) {
    for (const char* text :
         {"", "535", "535.", ".1", "1..2", "../x", "535.1/..", "535.1-closed", "-open", "535.1 ", "v535.1"}) {
        EXPECT_FALSE(DriverId::is_valid(text)) << text;
        EXPECT_THROW(static_cast<void>(DriverId::parse(text)), Error) << text;
    }
}

TEST(DriverIdTest, OrdersVersionsNumberByNumber) {
    EXPECT_TRUE(compare_versions("550.9", "550.10") < 0);
    EXPECT_TRUE(compare_versions("550.163.01", "550.163") > 0);
    EXPECT_TRUE(compare_versions("535.261.03", "535.261.03") == 0);
    EXPECT_TRUE(compare_versions("550.163.01", "550.163.1") == 0);
}

TEST(DriverWishTest, ABranchAllowsItsVersionsWithTheSameModulesOnly) {
    const DriverWish wish = DriverWish::parse("550-open");
    EXPECT_TRUE(wish.is_branch);
    EXPECT_TRUE(wish.allows(DriverId::parse("550.163.01-open")));
    EXPECT_FALSE(wish.allows(DriverId::parse("550.163.01")));
    EXPECT_FALSE(wish.allows(DriverId::parse("535.1.1-open")));
}

TEST(DriverWishTest, ABranchAloneMeansEitherKindOfModules) {
    const DriverWish either = DriverWish::parse("550");
    const DriverWish proprietary = DriverWish::parse("550-proprietary");
    EXPECT_TRUE(proprietary.is_branch);
    for (const char* text : {"550.163.01", "550.163.01-open"})
        EXPECT_TRUE(either.allows(DriverId::parse(text))) << text;
    EXPECT_FALSE(either.allows(DriverId::parse("5500.1")));
    EXPECT_TRUE(proprietary.allows(DriverId::parse("550.163.01")));
    EXPECT_FALSE(proprietary.allows(DriverId::parse("550.163.01-open")));
}

TEST(DriverWishTest, AWordIsAChannel) {
    const DriverWish wish = DriverWish::parse("stable");
    EXPECT_TRUE(is_channel(wish) && wish.is_branch);
    EXPECT_TRUE(wish.allows(DriverId::parse("550.163.01")));
    EXPECT_TRUE(is_channel(DriverWish::parse("newest")));
    for (const char* text : {"", "Stable", "550.1-proprietary", "550-open-proprietary", "550-proprietary-open", "55o",
                             "-open", "a_b", "../x"})
        EXPECT_THROW(static_cast<void>(DriverWish::parse(text)), Error) << text;
}

TEST(DriverWishTest, AVersionAllowsOnlyItself) {
    const DriverWish wish = DriverWish::parse("550.163.01");
    EXPECT_TRUE(wish.allows(DriverId::parse("550.163.01")));
    EXPECT_FALSE(wish.allows(DriverId::parse("550.163.02")));
    EXPECT_TRUE(wish.same_branch(DriverId::parse("550.163.02")));
}

}  // namespace
}  // namespace overdrive
