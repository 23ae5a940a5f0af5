#include "builder-images/artifact/index_edit.hpp"

#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

Digest digest(char c) { return Digest::from_hex(std::string(64, c)); }

OfferedPair offer(const std::string& driver, char hex = 'a', const std::string& architecture = "x86_64") {
    return {.pair = {DriverId::parse(driver), "12-6.1.0-50-amd64"},
            .os_id = "debian",
            .os_version_id = "12",
            .kernel_release = "6.1.0-50-amd64",
            .vermagic = "6.1.0-50-amd64 SMP ",
            .architecture = architecture,
            .module_type = "open",
            .manifest = digest(hex),
            .image_index = digest('f')};
}

TEST(IndexEditTest, TheSameImageKeepsItsDateAndProof) {
    PairIndex index;
    std::vector<OfferedPair> first{offer("550.1.0-open")};
    first.front().proof = {"modinfo"};
    add_offers(index, first, 100);
    add_offers(index, {offer("550.1.0-open")}, 200);
    ASSERT_EQ(index.pairs.size(), 1U);
    EXPECT_EQ(index.pairs.front().created, 100U);
    EXPECT_EQ(index.pairs.front().proof, std::vector<std::string>{"modinfo"});
}

TEST(IndexEditTest, AnotherImageOfThePairHasToProveItselfAgain) {
    PairIndex index;
    std::vector<OfferedPair> first{offer("550.1.0-open")};
    first.front().proof = {"modinfo"};
    add_offers(index, first, 100);
    add_offers(index, {offer("550.1.0-open", 'c')}, 200);
    ASSERT_EQ(index.pairs.size(), 1U);
    EXPECT_EQ(index.pairs.front().created, 200U);
    EXPECT_TRUE(index.pairs.front().proof.empty());
}

TEST(IndexEditTest, ArchitecturesStandBesideEachOther) {
    PairIndex index;
    add_offers(index, {offer("550.1.0-open"), offer("550.1.0-open", 'c', "aarch64")}, 100);
    EXPECT_EQ(index.pairs.size(), 2U);
    EXPECT_TRUE(remove_tags(index, {"12-6.1.0-50-amd64-550.1.0-open"}).empty());
    EXPECT_TRUE(index.pairs.empty());
}

TEST(IndexEditTest, ReplacingKeepsNothingElse) {
    PairIndex index;
    add_offers(index, {offer("550.1.0-open"), offer("535.1.0")}, 100);
    replace_offers(index, {offer("535.1.0")}, 200);
    ASSERT_EQ(index.pairs.size(), 1U);
    EXPECT_EQ(index.pairs.front().pair.driver.text(), "535.1.0");
    EXPECT_EQ(index.pairs.front().created, 100U);
}

TEST(IndexEditTest, TellsOfChannelsThatNothingIsLeftFor) {
    PairIndex index;
    add_offers(index, {offer("550.1.0-open"), offer("535.1.0")}, 100);
    set_channel(index, "stable", "550.1.0-open");
    set_channel(index, "lts", "535");
    EXPECT_TRUE(empty_channels(index).empty());
    static_cast<void>(remove_tags(index, {"12-6.1.0-50-amd64-550.1.0-open"}));
    EXPECT_EQ(empty_channels(index), std::vector<std::string>{"stable -> 550.1.0-open"});
}

TEST(IndexEditTest, AReportOfTheImageIndexIsForAllThatItNames) {
    std::vector<OfferedPair> offers{offer("550.1.0-open"), offer("550.1.0-open", 'c', "aarch64")};
    add_proof(offers, {ProofReport{digest('f'), {"boot"}}});
    EXPECT_EQ(offers[1].proof, std::vector<std::string>{"boot"});
    EXPECT_THROW(add_proof(offers, {ProofReport{digest('0'), {"boot"}}}), Error);
}

TEST(IndexEditTest, AReportWithoutChecksProvesNothing) {
    const std::string head = R"({"schema":1,"artifact":{"digest":")" + digest('a').text() + R"("},"checks":[)";
    EXPECT_THROW(static_cast<void>(ProofReport::parse(head + "]}", "r")), Error);
    EXPECT_THROW(static_cast<void>(ProofReport::parse(head + R"({"name":"x"}]})", "r")), Error);
    EXPECT_EQ(ProofReport::parse(head + R"({"name":"x","ok":true}]})", "r").checks, std::vector<std::string>{"x"});
}

}  // namespace
}  // namespace overdrive
