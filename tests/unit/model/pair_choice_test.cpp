#include "model/pair_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"
#include "support/offered_pairs.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kKernel = "6.1.0-50-amd64";
constexpr const char* kKey = "12-6.1.0-50-amd64";
constexpr unsigned kPascal = 0x1b38;
constexpr unsigned kTuring = 0x1eb8;
constexpr unsigned kBlackwell = 0x2901;

class PairChoiceTest : public testing::Test {
protected:
    PairChoiceTest() { question_.gpus = {kTuring}; }

    void offer(const std::vector<std::string>& drivers, const std::string& kernel = kKernel) {
        for (const std::string& driver : drivers)
            index_.pairs.push_back(offered_pair({DriverId::parse(driver), "12-" + kernel}, kernel));
    }
    std::vector<std::string> chosen(const std::string& wish) {
        std::vector<std::string> names;
        for (const OfferedPair& each : choose_pairs(index_, DriverWish::parse(wish), question_))
            names.push_back(each.pair.driver.text());
        return names;
    }

    PairIndex index_;
    PairQuestion question_{.os_key = kKey, .kernel_release = kKernel, .architecture = "x86_64"};
};

TEST_F(PairChoiceTest, TheNewestVersionOfTheBranchComesFirst) {
    offer({"535.9.1", "535.10.1", "550.1.1", "535.10.1.2"});
    EXPECT_THAT(chosen("535"), ElementsAre("535.10.1.2", "535.10.1", "535.9.1"));
    EXPECT_THAT(chosen("newest"), ElementsAre("550.1.1", "535.10.1.2", "535.10.1", "535.9.1"));
}

TEST_F(PairChoiceTest, WhatIsForAnotherKernelIsNotChosen) {
    offer({"535.9.1"}, "6.1.0-49-amd64");
    offer({"535.1.1"});
    index_.pairs.push_back(offered_pair({DriverId::parse("535.99.1"), kKey}, "6.1.0-other"));
    EXPECT_THAT(chosen("535"), ElementsAre("535.1.1"));
    question_.architecture = "aarch64";
    EXPECT_THAT(chosen("535"), IsEmpty());
}

TEST_F(PairChoiceTest, AnotherBuildOfTheKernelDoesNotFitWhereBothKnowTheirs) {
    offer({"535.1.1"});
    index_.pairs.front().build_id = "aa";
    EXPECT_THAT(chosen("535"), ElementsAre("535.1.1"));
    question_.build_id = "aa";
    EXPECT_THAT(chosen("535"), ElementsAre("535.1.1"));
    question_.build_id = "bb";
    EXPECT_THAT(chosen("535"), IsEmpty());
}

TEST_F(PairChoiceTest, OfTwoKindsTheOneThatIsInForceIsKept) {
    offer({"535.1.1", "535.1.1-open", "535.2.1-open", "560.1.1", "560.1.1-open"});
    question_.in_force = DriverId::parse("535.0.9");
    EXPECT_THAT(chosen("535"), ElementsAre("535.1.1", "535.2.1-open", "535.1.1-open"));
    question_.in_force = DriverId::parse("535.0.9-open");
    EXPECT_EQ(chosen("535").front(), "535.2.1-open");
    EXPECT_EQ(chosen("560").front(), "560.1.1-open");
}

TEST_F(PairChoiceTest, WithoutADriverInForceTheKindIsThatOfNvidiasInstaller) {
    offer({"535.1.1", "535.1.1-open", "560.1.1", "560.1.1-open"});
    EXPECT_THAT(chosen("535"), ElementsAre("535.1.1", "535.1.1-open"));
    EXPECT_THAT(chosen("560"), ElementsAre("560.1.1-open", "560.1.1"));
}

TEST_F(PairChoiceTest, AKindThatAGpuDoesNotWorkWithIsLeftOut) {
    offer({"580.1.1", "580.1.1-open"});
    question_.in_force = DriverId::parse("550.1.1-open");
    question_.gpus = {kTuring, kPascal};
    EXPECT_THAT(chosen("580"), ElementsAre("580.1.1"));
    question_.in_force = DriverId::parse("550.1.1");
    question_.gpus = {kBlackwell};
    EXPECT_THAT(chosen("580"), ElementsAre("580.1.1-open"));
    question_.gpus = {0xffff};
    EXPECT_EQ(chosen("580").size(), 2U) << "nothing is known of it";
}

TEST_F(PairChoiceTest, AKindThatIsNamedIsTheOperatorsWord) {
    offer({"580.1.1", "580.1.1-open"});
    question_.gpus = {kPascal};
    EXPECT_THAT(chosen("580-open"), ElementsAre("580.1.1-open"));
    question_.gpus = {kBlackwell};
    EXPECT_THAT(chosen("580-proprietary"), ElementsAre("580.1.1"));
}

TEST_F(PairChoiceTest, AStandInWorksWithEveryGpu) {
    offer({"900.1.0"});
    index_.pairs.front().module_type = "stand-in";
    question_.gpus = {kBlackwell};
    EXPECT_THAT(chosen("900"), ElementsAre("900.1.0"));
}

TEST_F(PairChoiceTest, AChannelStandsForADriverOrABranch) {
    index_.channels = {{"stable", "550.1.1"}, {"lts", "535"}};
    EXPECT_EQ(resolve_channel(index_, DriverWish::parse("stable")).text, "550.1.1");
    EXPECT_TRUE(resolve_channel(index_, DriverWish::parse("lts")).is_branch);
    EXPECT_EQ(resolve_channel(index_, DriverWish::parse("newest")).text, "newest");
    EXPECT_THROW(static_cast<void>(resolve_channel(index_, DriverWish::parse("beta"))), Error);
}

TEST_F(PairChoiceTest, TheNearestAreOtherDriversForThisKernelThenOtherKernels) {
    offer({"535.1.1", "550.1.1"}, "6.1.0-49-amd64");
    offer({"560.1.1"});
    index_.pairs.push_back(offered_pair({DriverId::parse("535.1.1"), kKey}, kKernel));
    index_.pairs.back().architecture = "aarch64";
    EXPECT_THAT(nearest_pairs(index_.pairs, DriverWish::parse("535.1.1"), question_, 2),
                ElementsAre(std::string{"560.1.1/"} + kKey, "535.1.1/12-6.1.0-49-amd64"));
}

}  // namespace
}  // namespace overdrive
