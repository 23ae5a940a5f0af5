#include "model/pair_index.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/pair_index_view.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using nlohmann::json;

Digest digest(char c) { return Digest::from_hex(std::string(64, c)); }

OfferedPair offer(const std::string& driver, const std::string& kernel, char hex = 'a') {
    return {.pair = {DriverId::parse(driver), "12-" + kernel},
            .os_id = "debian",
            .os_version_id = "12",
            .kernel_release = kernel,
            .vermagic = kernel + " SMP preempt mod_unload modversions ",
            .architecture = "x86_64",
            .module_type = driver.ends_with("-open") ? "open" : "proprietary",
            .manifest = digest(hex),
            .image_index = digest('b'),
            .created = 1'763'700'000,
            .download_bytes = 365'000'000,
            .unpacked_bytes = 900'000'000,
            .proof = {"modinfo", "symbols", "vermagic"}};
}

PairIndex sample() {
    PairIndex index{.serial = 7, .created = 1'763'700'000, .repository = "registry.example/overdrive/nvidia-debian"};
    index.channels = {{"stable", "550.163.01-open"}, {"lts", "535"}};
    index.pairs = {offer("550.163.01-open", "6.1.0-50-amd64"), offer("535.309.01", "6.1.0-50-amd64"),
                   offer("535.309.01", "6.1.0-49-amd64")};
    return index;
}

Errc refusal(const std::string& text) {
    try {
        static_cast<void>(PairIndex::parse(text));
    } catch (const Error& error) {
        return error.code();
    }
    return Errc::answer_is_no;
}

/// The sample with one change to its document.
template <typename Change>
std::string changed(Change change) {
    json document = json::parse(sample().to_json());
    change(document);
    return document.dump();
}

TEST(PairIndexTest, SaysTheSameAfterItWasWrittenAndRead) {
    const PairIndex read = PairIndex::parse(sample().to_json());
    EXPECT_TRUE(read.offers_the_same(sample()));
    EXPECT_EQ(read.serial, 7U);
    EXPECT_EQ(read.pairs.size(), 3U);
    EXPECT_EQ(read.to_json(), sample().to_json());
}

TEST(PairIndexTest, HasTheSameBytesWhateverTheOrder) {
    PairIndex turned = sample();
    std::reverse(turned.pairs.begin(), turned.pairs.end());
    std::reverse(turned.pairs.front().proof.begin(), turned.pairs.front().proof.end());
    EXPECT_EQ(turned.to_json(), sample().to_json());
}

TEST(PairIndexTest, SaysOnceWhatPairsOfOneKernelShare) {
    const json document = json::parse(sample().to_json());
    EXPECT_EQ(document.at("systems").size(), 2U);
    EXPECT_EQ(document.at("proofs").size(), 1U);
}

TEST(PairIndexTest, RefusesWhatANewerProgramWrote) {
    EXPECT_EQ(refusal(changed([](json& d) { d["min_reader"] = 2; })), Errc::bad_manifest);
    EXPECT_NO_THROW(static_cast<void>(PairIndex::parse(changed([](json& d) { d["schema"] = 2; }))));
}

TEST(PairIndexTest, RefusesEveryFieldThatCannotBe) {
    const auto pair = [](json& d) -> json& { return d["systems"][0]["pairs"][0]; };
    const std::vector<std::pair<const char*, std::string>> cases{
        {"no serial", changed([](json& d) { d.erase("serial"); })},
        {"a negative serial", changed([](json& d) { d["serial"] = -1; })},
        {"a key with a slash", changed([](json& d) { d["systems"][0]["os"]["key"] = "../12"; })},
        {"a release with a slash", changed([](json& d) { d["systems"][0]["kernel_release"] = "a/b"; })},
        {"a control character", changed([](json& d) { d["systems"][0]["vermagic"] = "6.1\n"; })},
        {"a build id that is none", changed([](json& d) { d["systems"][0]["build_id"] = "A B"; })},
        {"no driver id", changed([&](json& d) { pair(d)["driver"] = "535"; })},
        {"a digest of another kind", changed([&](json& d) { pair(d)["digest"] = "sha512:ab"; })},
        {"an unknown type", changed([&](json& d) { pair(d)["module_type"] = "closed"; })},
        {"a proof that is not there", changed([&](json& d) { pair(d)["proof"] = 1; })},
        {"a size beyond any disk", changed([&](json& d) { pair(d)["download_bytes"] = 1ULL << 50U; })},
        {"a pair twice", changed([&](json& d) { d["systems"][0]["pairs"].push_back(pair(d)); })},
        {"a channel that is a number", changed([](json& d) { d["channels"]["550"] = "550.163.01"; })},
        {"a channel for a channel", changed([](json& d) { d["channels"]["beta"] = "stable"; })},
        {"a channel 'newest'", changed([](json& d) { d["channels"]["newest"] = "550"; })},
        {"too large", sample().to_json() + std::string(PairIndex::kMostBytes, ' ')},
        {"no object", "[]"},
    };
    for (const auto& [what, text] : cases) EXPECT_EQ(refusal(text), Errc::bad_manifest) << what;
}

TEST(PairIndexTest, IsNotWrittenWhenNodesWouldRefuseIt) {
    PairIndex index = sample();
    index.pairs.push_back(index.pairs.front());
    EXPECT_THROW(static_cast<void>(index.to_json()), Error);
}

TEST(PairIndexTest, TakesTenThousandPairsInOneDocument) {
    PairIndex index = sample();
    index.pairs.clear();
    for (std::size_t kernel = 0; kernel < 2000; ++kernel) {
        for (const char* driver : {"535.309.01", "535.309.01-open", "550.163.01", "550.163.01-open", "580.95.05-open"})
            index.pairs.push_back(offer(driver, fmt::format("6.1.0-{}-cloud-amd64", kernel)));
    }
    std::string text;
    EXPECT_NO_THROW(text = index.to_json()) << "which reads it as well";
    EXPECT_LT(text.size(), PairIndex::kMostBytes / 2);
}

TEST(PairIndexTest, RefusesMorePairsThanItsLimit) {
    const auto with_pairs = [](std::size_t count) {
        return changed([&](json& d) {
            json pair = d["systems"][0]["pairs"][0];
            d["systems"][0]["pairs"] = json::array();
            for (std::size_t i = 0; i < count; ++i) {
                pair["driver"] = fmt::format("1.{}", i);
                d["systems"][0]["pairs"].push_back(pair);
            }
        });
    };
    EXPECT_EQ(PairIndex::parse(with_pairs(100)).pairs.size(), 102U) << "and two of the other kernel";
    EXPECT_EQ(refusal(with_pairs(PairIndex::kMostPairs)), Errc::bad_manifest);
}

TEST(PairIndexTest, ALineForPeopleCountsTheChecksAndSaysWhetherItWasLoaded) {
    OfferedPair pair = offer("550.163.01-open", "6.1.0-50-amd64");
    EXPECT_EQ(
        offer_line(pair, 0),
        "12-6.1.0-50-amd64-550.163.01-open  kernel 6.1.0-50-amd64 (x86_64), 365.0 MB, 2025-11-21, 3 checks passed\n");
    pair.proof.emplace_back("vm-load");
    EXPECT_NE(offer_line(pair, 0).find("4 checks passed, loaded in a VM"), std::string::npos);
    pair.proof.clear();
    EXPECT_NE(offer_line(pair, 0).find("no proof"), std::string::npos);
}

TEST(PairIndexTest, NamesOfChannelsAreLowerCaseWords) {
    for (const char* good : {"stable", "lts", "r550-canary"}) EXPECT_TRUE(is_channel_name(good)) << good;
    for (const char* bad : {"", "550", "Stable", "a_b", "newest", "-a"}) EXPECT_FALSE(is_channel_name(bad)) << bad;
}

OfferedDelta delta(char from, char to) {
    return {.from = digest(from),
            .to = digest(to),
            .from_version = "535.261.03",
            .to_version = "535.309.01",
            .manifest = digest('d'),
            .blob = digest('e'),
            .download_bytes = 9'977'449};
}

TEST(PairIndexTest, CarriesDeltasBesideWhatOlderProgramsRead) {
    PairIndex index = sample();
    const json without = json::parse(index.to_json());
    EXPECT_FALSE(without.contains("deltas"));
    index.deltas = {delta('2', '1'), delta('0', '1')};
    json document = json::parse(index.to_json());
    EXPECT_EQ(PairIndex::parse(document.dump()).deltas, (std::vector<OfferedDelta>{delta('0', '1'), delta('2', '1')}));
    EXPECT_FALSE(index.offers_the_same(sample()));
    document.erase("deltas");
    EXPECT_EQ(document, without) << "all else stays, min_reader too";
}

TEST(PairIndexTest, RefusesDeltasThatCannotBe) {
    const auto refused = [](const auto& change) {
        PairIndex index = sample();
        index.deltas = {delta('0', '1')};
        json document = json::parse(index.to_json());
        change(document["deltas"]);
        return refusal(document.dump()) == Errc::bad_manifest;
    };
    EXPECT_TRUE(refused([](json& deltas) { deltas.push_back(deltas[0]); })) << "the same twice";
    EXPECT_TRUE(refused([](json& deltas) { deltas[0]["blob"] = "sha256:../../etc"; }));
    EXPECT_TRUE(refused([](json& deltas) { deltas[0]["to_version"] = "../x"; }));
    EXPECT_TRUE(refused([](json& deltas) { deltas[0]["download_bytes"] = 1ULL << 50U; }));
    EXPECT_TRUE(refused([](json& deltas) {
        for (std::size_t i = 0; i <= PairIndex::kMostDeltas; ++i) deltas.push_back(deltas[0]);
    }));
}

}  // namespace
}  // namespace overdrive
