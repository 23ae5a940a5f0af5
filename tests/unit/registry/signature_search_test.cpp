#include "registry/signature_search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/sha256.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

SignatureLayer layer(const std::string& payload, const std::string& base64 = "sig") {
    return {.digest = Digest::from_hex(sha256_hex(payload)), .size = payload.size(), .base64 = base64};
}

class SignatureSearching : public testing::Test {
protected:
    std::vector<std::string> heard(SignatureSearch& search) {
        std::vector<std::string> payloads;
        for (const ImageSignature& signature : search.found()) payloads.push_back(signature.payload);
        return payloads;
    }

    std::vector<std::string> fetched_;  ///< digests
    std::vector<std::string> known_{"a", "b", "c"};
    SignatureSearch::Fetch fetch_ = [this](const SignatureLayer& wanted) -> std::string {
        fetched_.push_back(wanted.digest.text());
        for (const std::string& payload : known_)
            if (sha256_hex(payload) == wanted.digest.hex()) return payload;
        return "?";
    };
    std::size_t wanted_ = 1;
    std::vector<std::size_t> asked_;  ///< how many were found then
    ArtifactSource::Enough enough_ = [this](const std::vector<ImageSignature>& found) {
        asked_.push_back(found.size());
        return found.size() >= wanted_;
    };
    SignatureSearch search_{fetch_, enough_};
};

TEST_F(SignatureSearching, EndsWithThePlaceAfterWhichItIsEnough) {
    wanted_ = 2;
    EXPECT_FALSE(search_.take(0, {layer("a")}));
    EXPECT_FALSE(search_.take(1, {})) << "nothing new, nobody is asked";
    EXPECT_TRUE(search_.take(2, {layer("b")}));
    EXPECT_THAT(asked_, ElementsAre(1, 2));
}

TEST_F(SignatureSearching, WhatIsOfAHigherRankIsNewerWheneverItIsAsked) {
    wanted_ = 9;
    static_cast<void>(search_.take(0, {layer("a")}));
    static_cast<void>(search_.take(2, {layer("c")}));
    static_cast<void>(search_.take(1, {layer("b")}));
    EXPECT_THAT(heard(search_), ElementsAre("a", "b", "c"));
}

TEST_F(SignatureSearching, FetchesAPayloadOnceAndNoneThatItsManifestCarries) {
    wanted_ = 9;
    SignatureLayer carried = layer("b");
    carried.payload = "b";
    static_cast<void>(search_.take(0, {layer("a", "first"), layer("a", "second"), carried}));
    static_cast<void>(search_.take(1, {layer("c")}));
    EXPECT_THAT(heard(search_), ElementsAre("a", "a", "b", "c"));
    EXPECT_THAT(fetched_, ElementsAre("sha256:" + sha256_hex("a"), "sha256:" + sha256_hex("c")));
}

TEST_F(SignatureSearching, D5BeyondTheLimitNothingIsFetchedBeforeAllPlacesAreKnown) {
    static_cast<void>(search_.take(0, std::vector<SignatureLayer>(kMostSignatures + 1, layer("a"))));
    EXPECT_THAT(fetched_, IsEmpty());
    EXPECT_THAT(asked_, IsEmpty());
    EXPECT_FALSE(search_.take(1, {layer("b")}));
    EXPECT_THAT(fetched_, IsEmpty());
    EXPECT_THAT(search_.found(), SizeIs(kMostSignatures));
    EXPECT_EQ(search_.found().back().payload, "b");
}

TEST(SignatureSearch, WithoutAnybodyToAskItTakesAll) {
    const SignatureSearch::Fetch fetch = [](const SignatureLayer& /*wanted*/) { return std::string{"a"}; };
    const ArtifactSource::Enough none;
    SignatureSearch search{fetch, none};
    EXPECT_FALSE(search.take(0, {layer("a")}));
    EXPECT_THAT(search.found(), SizeIs(1));
}

}  // namespace
}  // namespace overdrive
