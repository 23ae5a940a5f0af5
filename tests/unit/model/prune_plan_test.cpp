#include "model/prune_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Pair pair(const std::string& path) { return parse_pair_path(path); }

/// Five generations, the first installed first.
PruneFacts five() {
    PruneFacts facts;
    int at = 0;
    for (const char* path : {"550.1/os1", "550.2/os1", "550.3/os1", "550.3/os2", "550.4/os2"})
        facts.generations.push_back({pair(path), std::chrono::seconds{++at}});
    facts.running_kernel = "k2";
    return facts;
}

std::vector<std::string> removed(const PruneFacts& facts, std::size_t keep) {
    std::vector<std::string> out;
    for (const PruneDecision& decision : plan_prune(facts, keep)) {
        if (decision.remove) out.push_back(decision.pair.path());
    }
    return out;
}

std::string why(const PruneFacts& facts, std::size_t keep, const std::string& path) {
    for (const PruneDecision& decision : plan_prune(facts, keep)) {
        if (decision.pair.path() == path) return (decision.remove ? "goes: " : "stays: ") + decision.why;
    }
    return "not there";
}

TEST(PrunePlanTest, RemovesTheOldestBeyondTheNewest) {
    EXPECT_THAT(removed(five(), 2), ElementsAre("550.3/os1", "550.2/os1", "550.1/os1"));
    EXPECT_THAT(removed(five(), 5), IsEmpty());
    EXPECT_THAT(removed(five(), 99), IsEmpty());
    EXPECT_EQ(why(five(), 2, "550.3/os2"), "stays: one of the newest 2");
    EXPECT_EQ(why(five(), 2, "550.3/os1"), "goes: not one of the newest 2");
    EXPECT_EQ(why(five(), 1, "550.4/os2"), "stays: the newest");
}

TEST(PrunePlanTest, TakesTheHigherVersionForNewerWhenTheClockDoesNotTell) {
    PruneFacts facts = five();
    for (PruneFacts::Generation& generation : facts.generations) generation.installed_at = std::chrono::seconds{7};
    EXPECT_THAT(removed(facts, 1), ElementsAre("550.3/os2", "550.3/os1", "550.2/os1", "550.1/os1"));
}

TEST(PrunePlanTest, NeverRemovesWhatIsInUseWantedOrPending) {
    PruneFacts facts = five();
    facts.current = pair("550.1/os1");
    facts.desired = pair("550.2/os1");
    facts.pending = pair("550.3/os1");
    EXPECT_THAT(removed(facts, 1), ElementsAre("550.3/os2"));
    EXPECT_EQ(why(facts, 1, "550.1/os1"), "stays: current");
    EXPECT_EQ(why(facts, 1, "550.2/os1"), "stays: the wanted one");
    EXPECT_EQ(why(facts, 1, "550.3/os1"), "stays: takes effect at the next boot");
    facts.exposed = {pair("550.3/os2")};
    EXPECT_THAT(removed(facts, 1), IsEmpty());
}

TEST(PrunePlanTest, NeverRemovesWhatARollbackReturnsTo) {
    PruneFacts facts = five();
    facts.current = pair("550.4/os2");
    facts.previous = pair("550.1/os1");
    EXPECT_EQ(why(facts, 1, "550.1/os1"), "stays: the one before: rollback returns to it");
}

TEST(PrunePlanTest, NeverRemovesEitherSideOfARollback) {
    PruneFacts facts = five();
    facts.rolled_back = {pair("550.2/os1"), pair("550.1/os1")};
    EXPECT_THAT(removed(facts, 1), ElementsAre("550.3/os2", "550.3/os1"));
}

TEST(PrunePlanTest, KeepsWhatTheRunningKernelAndTheOneBeforeCanReturnTo) {
    PruneFacts facts = five();
    facts.last_good = {{"k0", pair("550.1/os1")}, {"k1", pair("550.2/os1")}, {"k2", pair("550.3/os2")}};
    EXPECT_THAT(removed(facts, 1), ElementsAre("550.3/os1", "550.1/os1"));
    EXPECT_EQ(why(facts, 1, "550.3/os2"), "stays: last good one of the running kernel");
    EXPECT_EQ(why(facts, 1, "550.2/os1"), "stays: last good one of kernel k1");
}

TEST(PrunePlanTest, KeepsTheLastGoodOfEveryKernelThatTheHostStillHas) {
    PruneFacts facts = five();
    facts.last_good = {{"k0", pair("550.1/os1")}, {"k1", pair("550.2/os1")}};
    facts.bootable_kernels = {"k0"};
    EXPECT_THAT(removed(facts, 1), ElementsAre("550.3/os2", "550.3/os1"));
}

TEST(PrunePlanTest, CountsProtectedOnesAmongTheNewest) {
    PruneFacts facts = five();
    facts.current = pair("550.4/os2");
    EXPECT_THAT(removed(facts, 2), ElementsAre("550.3/os1", "550.2/os1", "550.1/os1"));
}

}  // namespace
}  // namespace overdrive
