#include "model/selection.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

using Why = Selection::Why;

constexpr const char* kKernel = "6.1.0-1-test";

Pair pair(const std::string& driver) { return {DriverId::parse(driver), "4081.2.1"}; }

std::vector<Candidate> installed(const std::vector<std::string>& drivers) {
    std::vector<Candidate> out;
    for (const std::string& driver : drivers) out.push_back({pair(driver), kKernel});
    return out;
}

Selection select(const std::vector<std::string>& drivers, const char* wish, const Experience& experience = {}) {
    return select_generation(installed(drivers),
                             wish == nullptr ? std::nullopt : std::optional{DriverWish::parse(wish)}, kKernel,
                             experience);
}

TEST(Selection, TakesTheWantedDriver) {
    const Selection got = select({"535.1", "550.1", "550.2"}, "550.1");
    EXPECT_EQ(got.why, Why::wanted);
    EXPECT_EQ(got.pair, pair("550.1"));
}

TEST(Selection, TakesTheNewestOfABranch) {
    EXPECT_EQ(select({"550.1", "550.10", "550.9"}, "550").pair, pair("550.10"));
}

TEST(Selection, ABarredDriverGivesWayToTheLastGoodOneWhateverItsBranch) {
    const Selection got = select({"535.1", "550.1", "550.2"}, "550.2", {{pair("550.2")}, pair("535.1")});
    EXPECT_EQ(got.why, Why::last_good);
    EXPECT_EQ(got.pair, pair("535.1"));
    EXPECT_EQ(got.passed_over, pair("550.2"));
}

TEST(Selection, WithoutALastGoodOneAnotherOfTheBranchStandsInForABarredOne) {
    const Selection got = select({"535.1", "550.1", "550.2"}, "550.2", {{pair("550.2")}, {}});
    EXPECT_EQ(got.why, Why::same_branch);
    EXPECT_EQ(got.pair, pair("550.1"));
    EXPECT_EQ(got.passed_over, pair("550.2"));
}

TEST(Selection, ALastGoodOneIsNotTakenWhileTheWantedOneIsMerelyMissing) {
    const Selection got = select({"535.1"}, "550.2", {{}, pair("535.1")});
    EXPECT_EQ(got.why, Why::none_fits) << "another branch never stands in by itself";
    EXPECT_EQ(got.pair, std::nullopt);
}

TEST(Selection, ABarredLastGoodOneIsNotTaken) {
    const Selection got = select({"535.1", "550.2"}, "550.2", {{pair("550.2"), pair("535.1")}, pair("535.1")});
    EXPECT_EQ(got.why, Why::all_barred);
    EXPECT_EQ(got.pair, std::nullopt);
    EXPECT_EQ(got.passed_over, pair("550.2"));
}

TEST(Selection, ALastGoodOneThatIsGoneIsNotTaken) {
    EXPECT_EQ(select({"550.2"}, "550.2", {{pair("550.2")}, pair("535.1")}).why, Why::all_barred);
}

TEST(Selection, ADriverForAnotherKernelNeverFits) {
    const Selection got = select_generation({{pair("550.1"), "6.1.0-2-test"}}, DriverWish::parse("550.1"), kKernel, {});
    EXPECT_EQ(got.why, Why::none_fits);
}

TEST(Selection, SaysWhatHappenedInOneSentence) {
    EXPECT_EQ(explain(select({"535.1", "550.2"}, "550.2", {{pair("550.2")}, pair("535.1")}), kKernel),
              "535.1/4081.2.1 is used again: 550.2/4081.2.1 failed");
    EXPECT_EQ(explain(select({"550.2"}, "550.2", {{pair("550.2")}, {}}), kKernel),
              "550.2/4081.2.1 failed and no other installed driver fits kernel 6.1.0-1-test");
}

}  // namespace
}  // namespace overdrive
