// Downloads that break off: rows C1, C4, C5, C12 and C15 of the fault table.

#include "integration/fetch/registry_fixture.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class Resume : public RegistryFixture {
protected:
    static std::string range_from(std::size_t first) { return "Range: bytes=" + std::to_string(first) + "-"; }
    [[nodiscard]] std::size_t size() const { return sample_.user_space_layer().size(); }
    /// Cuts the first answer in the middle and does something else to the second.
    void cut_then(const std::function<void(FakeRegistry::Answer&)>& second) {
        registry_.behave(user_space(), [second](FakeRegistry::Answer& answer, int nth, const std::string& /*head*/) {
            if (nth == 1) answer.cut_after = answer.body.size() / 2;
            if (nth == 2) second(answer);
        });
    }
};

TEST_F(Resume, C1_ABodyThatIsCutAnywhereGoesOnWhereItWas) {
    for (const bool resets : {false, true}) {
        for (const std::size_t at : {std::size_t{0}, std::size_t{1}, size() / 2, size() - 1}) {
            registry_.forget_requests();
            spoil_once(user_space(), [&](auto& answer) {
                answer.cut_after = at;
                answer.resets = resets;
            });
            expect_fetched();
            const auto asked = registry_.requests(user_space());
            ASSERT_THAT(asked, SizeIs(2)) << at;
            EXPECT_THAT(asked[0], Not(HasSubstr("Range:")));
            if (!resets && at > 0) {
                EXPECT_THAT(asked[1], HasSubstr(range_from(at)));
            }
        }
    }
}

TEST_F(Resume, C1_ALinkThatBreaksOffAgainAndAgainIsFollowedWhileItMoves) {
    registry_.behave(user_space(), [size = size()](FakeRegistry::Answer& answer, int nth, const std::string& /*head*/) {
        if (nth < 4) answer.cut_after = size * 3 / 10;
    });
    expect_fetched();
    EXPECT_THAT(registry_.requests(user_space()), SizeIs(4));
}

TEST_F(Resume, C1_ALinkThatDoesNotMoveIsLeftAfterTwoRequests) {
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}}) {
        registry_.forget_requests();
        spoil(user_space(), [&](auto& answer) { answer.cut_after = at; });
        expect_refused(Errc::unreachable, sha256_hex(sample_.user_space_layer()) + ": the transfer broke off");
        EXPECT_THAT(registry_.requests(user_space()), SizeIs(2));
    }
}

TEST_F(Resume, C1_AManifestThatIsCutIsAskedForAgain) {
    spoil_once(by_tag(), [](auto& answer) { answer.cut_after = answer.body.size() / 2; });
    expect_fetched();
}

TEST_F(Resume, C1_ABitThatFlipsBeforeOrBehindTheBreakIsFound) {
    spoil_once(user_space(), [](auto& answer) {
        answer.cut_after = answer.body.size() / 2;
        answer.body[0] ^= 1;
    });
    expect_refused(Errc::digest_mismatch, "user-space blob sha256:");
    cut_then([](auto& answer) { answer.body.back() ^= 1; });
    expect_refused(Errc::digest_mismatch, "user-space blob sha256:");
}

TEST_F(Resume, C4_AServerWithoutRangesSendsTheWholeOnceMore) {
    spoil(user_space(), [](auto& answer) { answer.has_ranges = false; });
    spoil_once(user_space(), [](auto& answer) { answer.cut_after = answer.body.size() / 2; });
    expect_fetched();
    EXPECT_THAT(registry_.requests(user_space()),
                ElementsAre(Not(HasSubstr("Range:")), HasSubstr(range_from(size() / 2))));

    registry_.forget_requests();
    registry_.behave(user_space(), [](FakeRegistry::Answer& answer, int nth, const std::string& /*head*/) {
        answer.cut_after = answer.body.size() * static_cast<std::size_t>(nth) / 5;
    });
    expect_refused(Errc::unreachable, "broke off");
    EXPECT_THAT(registry_.requests(user_space()), SizeIs(2));
}

TEST_F(Resume, C4_ARangeThatWasNotAskedForIsNeverTaken) {
    const std::string all = std::to_string(size());
    for (const std::string& range :
         {"bytes 0-" + std::to_string(size() - 1) + "/" + all, "bytes 1-2/" + all, std::string{"bytes */9"},
          std::string{}, std::string{"bytes 9-1/1"},
          "bytes " + std::to_string(size() / 2) + "-" + all + "/" + std::to_string(size() + 1)}) {
        registry_.forget_requests();
        cut_then([&](auto& answer) {
            answer.headers["Content-Range"] = range;
            answer.body.assign(size() - size() / 2, 'x');
        });
        expect_fetched();
        const auto asked = registry_.requests(user_space());
        ASSERT_THAT(asked, SizeIs(3)) << range;
        EXPECT_THAT(asked[2], Not(HasSubstr("Range:")));
    }
}

TEST_F(Resume, C4_A416BeginsAgainOnce) {
    cut_then([](auto& answer) {
        answer.status = 416;
        answer.body = "";
    });
    expect_fetched();
    EXPECT_THAT(registry_.requests(user_space()), SizeIs(3));
    registry_.forget_requests();
    registry_.behave(user_space(), [](FakeRegistry::Answer& answer, int nth, const std::string& /*head*/) {
        if (nth == 2) answer.status = 416;
        if (nth != 2) answer.cut_after = answer.body.size() / 2;
    });
    expect_refused(Errc::unreachable, "broke off");
    EXPECT_THAT(registry_.requests(user_space()), SizeIs(3));
}

TEST_F(Resume, C4_AnotherETagBeginsAgain) {
    spoil(user_space(), [](auto& answer) { answer.headers["ETag"] = R"("one")"; });
    cut_then([](auto& answer) { answer.headers["ETag"] = R"("two")"; });
    expect_fetched();
    EXPECT_THAT(registry_.requests(user_space()),
                ElementsAre(Not(HasSubstr("If-Range")), HasSubstr(R"(If-Range: "one")"), Not(HasSubstr("Range"))));
    // A weak one says nothing of bytes: it is neither sent nor compared.
    spoil(user_space(), [](auto& answer) { answer.headers["ETag"] = R"(W/"one")"; });
    cut_then([](auto& answer) { answer.headers["ETag"] = R"(W/"two")"; });
    registry_.forget_requests();
    expect_fetched();
    EXPECT_THAT(registry_.requests(user_space()),
                ElementsAre(testing::_, AllOf(HasSubstr("Range: bytes="), Not(HasSubstr("If-Range")))));
}

TEST_F(Resume, C5_ABodyThatStallsOnceGoesOn) {
    spoil_once(user_space(), [](auto& answer) { answer.stall_in_body = true; });
    expect_fetched();
}

TEST_F(Resume, C5_AByteNowAndThenIsNoProgress) {
    spoil(user_space(), [](auto& answer) { answer.drips = true; });
    expect_refused(Errc::unreachable, "stalled");
    EXPECT_THAT(registry_.requests(user_space()), SizeIs(2));
}

TEST_F(Resume, C12_ATagThatMovesMeanwhileDoesNotMixTwoArtifacts) {
    const SampleArtifact next{"6.1.0-2-test", "4081.3.0"};
    next.write_layout(dir_.path() + "/next", {kTag});
    const auto artifact = source_->resolve(kTag, "amd64");
    ASSERT_TRUE(artifact);
    registry_.serve_layout(dir_.path() + "/next", kRepository);
    registry_.forget_requests();
    const Staging staging = store_.make_staging();
    EXPECT_EQ(fetch_artifact(*source_, *artifact, staging, store_, progress_, {}).driver_json,
              sample_.manifest().to_json());
    EXPECT_THAT(registry_.requests(by_tag()), SizeIs(0));
}

TEST_F(Resume, C15_BodiesWithoutALengthAreWholeByTheirDigest) {
    for (const std::string how : {"chunked", "until it closes", "HTTP/1.0"}) {
        registry_.behave_everywhere([how](FakeRegistry::Answer& answer, int /*nth*/, const std::string& /*head*/) {
            answer.chunked = how == "chunked";
            answer.announce_length = how != "until it closes";
            answer.http_1_0 = how == "HTTP/1.0";
        });
        expect_fetched();
    }
}

TEST_F(Resume, C1_ABlobThatIsShorterThanItsDescriptorIsNotAskedForAgain) {
    spoil(user_space(), [](auto& answer) { answer.body.pop_back(); });
    expect_refused(Errc::truncated, "ended after");
    EXPECT_THAT(registry_.requests(user_space()), SizeIs(1));
}

TEST_F(Resume, C15_ABodyThatAlwaysEndsWithTheConnectionIsLeft) {
    spoil(user_space(), [](auto& answer) {
        answer.announce_length = false;
        answer.cut_after = 10;
    });
    expect_refused(Errc::unreachable, "ended after");
    EXPECT_THAT(registry_.requests(user_space()), SizeIs(2));
}

TEST_F(Resume, C15_ABodyThatEndsWithTheConnectionTooEarlyGoesOn) {
    spoil_once(user_space(), [](auto& answer) {
        answer.announce_length = false;
        answer.cut_after = answer.body.size() / 2;
    });
    expect_fetched();
    EXPECT_THAT(registry_.requests(user_space()), SizeIs(2));
}

TEST_F(Resume, C15_ACodingIsNotUndone) {
    spoil(user_space(), [](auto& answer) { answer.headers["Content-Encoding"] = "gzip"; });
    expect_fetched();  // the bytes are right, whatever the field says
    EXPECT_THAT(registry_.requests(user_space()).front(), HasSubstr("Accept-Encoding: identity"));
}

TEST_F(Resume, ASinkThatFailsEndsItAtOnce) {
    const auto artifact = source_->resolve(kTag, "amd64");
    ASSERT_TRUE(artifact);
    registry_.forget_requests();
    EXPECT_THROW(source_->read_blob(artifact->layers.back(),
                                    [](std::string_view bytes) {
                                        if (!bytes.empty()) throw Error{Errc::unreachable, "the sink's own"};
                                    }),
                 Error);
    EXPECT_THAT(registry_.requests(), SizeIs(1));
}

}  // namespace
}  // namespace overdrive
