#include "builder-images/artifact/index_merge.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;

Digest digest_of(const std::string& text) { return Digest::from_hex(sha256_hex(text)); }

std::string entry(const std::string& what, const std::string& architecture, const std::string& more = "") {
    return fmt::format(
        R"({{"mediaType":"{}","digest":"{}","size":7,"platform":{{"architecture":"{}","os":"linux"}}{}}})",
        kManifestType, digest_of(what).text(), architecture, more);
}

RawManifest index(const std::vector<std::string>& entries) {
    const std::string bytes =
        fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", kIndexType, fmt::join(entries, ","));
    return {bytes, kIndexType, digest_of(bytes)};
}

std::vector<Digest> digests_in(const RawManifest& index) {
    std::vector<Digest> digests;
    for (const IndexEntry& each : links_of(index).manifests) digests.push_back(each.manifest.digest);
    return digests;
}

TEST(IndexMerge, KeepsOtherArchitecturesAndReplacesOurs) {
    const RawManifest merged =
        merge_index(index({entry("new", "amd64")}), index({entry("arm", "arm64"), entry("old", "amd64")}));

    EXPECT_THAT(digests_in(merged), ElementsAre(digest_of("new"), digest_of("arm")));
    EXPECT_EQ(merged.digest, digest_of(merged.bytes));
}

TEST(IndexMerge, PreservesTheDigestWhenNothingElseWasThere) {
    const RawManifest ours = index({entry("new", "amd64")});

    EXPECT_EQ(merge_index(ours, std::nullopt).bytes, ours.bytes);
    EXPECT_EQ(merge_index(ours, index({entry("old", "amd64")})).bytes, ours.bytes);
}

TEST(IndexMerge, PreservesTheDigestOfAnIndexThatHasOursAlready) {
    const RawManifest theirs = index({entry("arm", "arm64"), entry("new", "amd64")});

    EXPECT_EQ(merge_index(index({entry("new", "amd64")}), theirs).bytes, theirs.bytes);
}

TEST(IndexMerge, LeavesWhatItDoesNotKnowInTheEntriesOfOthers) {
    const std::string odd = entry("arm", "arm64", R"(,"annotations":{"a":"b"},"unknown":[1,2])");

    EXPECT_NE(merge_index(index({entry("new", "amd64")}), index({odd})).bytes.find(odd), std::string::npos);
}

TEST(IndexMerge, DropsTheAttestationsOfWhatItReplacesAndNoOthers) {
    const auto about = [](const std::string& what) {
        return fmt::format(
            R"({{"mediaType":"{}","digest":"{}","size":7,"platform":{{"architecture":"unknown","os":"unknown"}},)"
            R"("annotations":{{"vnd.docker.reference.digest":"{}"}}}})",
            kManifestType, digest_of("about " + what).text(), digest_of(what).text());
    };
    const RawManifest merged =
        merge_index(index({entry("new", "amd64")}),
                    index({entry("old", "amd64"), about("old"), entry("arm", "arm64"), about("arm")}));

    EXPECT_THAT(digests_in(merged),
                testing::UnorderedElementsAre(digest_of("new"), digest_of("arm"), digest_of("about arm")));
}

TEST(IndexMerge, TheSameMergeGivesTheSameBytes) {
    const RawManifest a = index({entry("amd", "amd64")});
    const RawManifest b = index({entry("arm", "arm64")});

    EXPECT_EQ(merge_index(a, b).bytes, merge_index(b, a).bytes);
}

TEST(IndexMerge, RefusesAnIndexThatIsNone) {
    const std::string bytes = R"({"schemaVersion":2,"manifests":[{"digest":"sha256:../../x"}]})";
    EXPECT_THROW(
        static_cast<void>(merge_index(index({entry("a", "amd64")}), RawManifest{bytes, kIndexType, digest_of(bytes)})),
        Error);
}

TEST(ManifestLinks, RefuseContentThatLiesElsewhere) {
    const std::string bytes =
        fmt::format(R"({{"schemaVersion":2,"config":{{"mediaType":"c","digest":"{0}","size":1}},)"
                    R"("layers":[{{"mediaType":"l","digest":"{0}","size":1,"urls":["https://elsewhere.example/"]}}]}})",
                    digest_of("x").text());
    EXPECT_THROW(static_cast<void>(links_of({bytes, kManifestType, digest_of(bytes)})), Error);
}

}  // namespace
}  // namespace overdrive
