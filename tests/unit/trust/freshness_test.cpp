#include "trust/freshness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kRepository = "registry.example/overdrive";
const ImageClaim kClaim{.repository = kRepository, .tag = "t1", .digests = {}};
const ImageClaim kFile{.repository = {}, .tag = "t1", .digests = {}};
const Serials kKnown{{"registry.example/overdrive:t1", 7}, {"other.example/x:t1", 9}, {"other.example/x:t11", 99}};

ImageAnswer with_serial(std::optional<std::uint64_t> serial) {
    return {.vouching = Vouching{.kind = Vouching::Kind::manifest, .keys = {"/k.pub"}, .serial = serial},
            .why_not = {}};
}

Error refusal(const ImageClaim& claim, const ImageAnswer& answer) {
    try {
        require_not_older(kKnown, claim, answer);
        ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::older_artifact);
        return error;
    }
    return {Errc::io, ""};
}

TEST(Freshness, TheSameOrANewerSerialIsFresh) {
    EXPECT_NO_THROW(require_not_older(kKnown, kClaim, with_serial(7)));
    EXPECT_NO_THROW(require_not_older(kKnown, kClaim, with_serial(8)));
}

TEST(Freshness, WhereNothingIsRememberedNothingIsOld) {
    EXPECT_NO_THROW(require_not_older(kKnown, {.repository = kRepository, .tag = "t2", .digests = {}}, {}));
    EXPECT_NO_THROW(require_not_older({}, kClaim, with_serial(0)));
}

TEST(Freshness, C13ALowerSerialIsRefusedNamingBothAndTheWayBack) {
    const Error error = refusal(kClaim, with_serial(6));
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("serial 6"), HasSubstr("serial 7"), HasSubstr("'registry.example/overdrive:t1'")));
    EXPECT_THAT(error.remedy(), HasSubstr("--allow-older"));
}

TEST(Freshness, C13AnImageWithoutASignedSerialIsRefusedOnceOneIsKnown) {
    EXPECT_THAT(refusal(kClaim, with_serial({})).what(), HasSubstr("no signed serial"));
    EXPECT_THAT(refusal(kClaim, {.vouching = {}, .why_not = "the image has no signature"}).what(),
                HasSubstr("no signed serial (the image has no signature)"));
}

TEST(Freshness, APlaceWithoutARepositoryMustReachTheHighestForItsTag) {
    EXPECT_THAT(refusal(kFile, with_serial(8)).what(), HasSubstr("serial 9"));
    EXPECT_NO_THROW(require_not_older(kKnown, kFile, with_serial(9)));
}

}  // namespace
}  // namespace overdrive
