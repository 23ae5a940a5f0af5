#include "verbs/find_artifact.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "store/store.hpp"
#include "support/fake_host.hpp"
#include "support/offered_pairs.hpp"
#include "verbs/boot_jitter.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

constexpr const char* kKey = "4081.2.1";

/// What a source has, and how it goes wrong.
struct Content {
    std::vector<std::string> tags;
    std::optional<PairIndex> index{};  ///< nullopt: made of the tags
    bool has_index = true;
    std::optional<Errc> failure{};
    std::set<std::string> missing{};  ///< tags that the index offers and that are not there
    bool partial = false;
};

class FakeSource final : public ArtifactSource {
public:
    FakeSource(std::string name, const Content& content, std::string kernel)
        : name_{std::move(name)}, content_{content}, kernel_{std::move(kernel)} {}
    [[nodiscard]] std::string name() const override { return name_; }
    std::optional<ResolvedArtifact> resolve(const std::string& tag, const std::string& /*architecture*/) override {
        answer();
        const auto& tags = content_.tags;
        if (std::find(tags.begin(), tags.end(), tag) == tags.end() || content_.missing.contains(tag))
            return std::nullopt;
        return ResolvedArtifact{name_ + ":" + tag, Digest::from_hex(std::string(64, 'a')), {}};
    }
    std::vector<ImageSignature> signatures(const ResolvedArtifact& /*artifact*/, const Enough& /*enough*/) override {
        return {};
    }
    void read_blob(const LayerDescriptor& /*layer*/, const Sink& /*sink*/) override {}
    std::optional<ResolvedIndex> find_pair_index() override {
        answer();
        if (!content_.has_index) return std::nullopt;
        const Digest digest = Digest::from_hex(std::string(64, '1'));
        return ResolvedIndex{{name_ + ":overdrive-index", digest, {}}, {digest, 1}};
    }
    std::string read_document(const DocumentBlob& /*document*/) override {
        if (content_.index) return content_.index->to_json();
        const auto kernel_of = [&](const Pair& pair) { return pair.os_key == kKey ? kernel_ : "6.0.0-other"; };
        return index_of_tags(content_.tags, kernel_of).to_json();
    }
    std::optional<ResolvedArtifact> resolve_pinned(const PinnedImage& image, const std::string& architecture) override {
        return resolve(image.tag, architecture);
    }
    [[nodiscard]] bool may_be_partial() const override { return content_.partial; }

private:
    void answer() const {
        if (content_.failure)
            throw Error{*content_.failure, name_ + ": connection refused"}.with_remedy("see to " + name_);
    }
    std::string name_;
    const Content& content_;
    std::string kernel_;
};

class FindArtifactTest : public testing::Test {
protected:
    FindArtifactTest() {
        config_.trust.allow_unsigned = true;
        host_.open_source = [this](const std::string& name) {
            return std::make_unique<FakeSource>(name, contents_[name], host_.facts.kernel_release);
        };
    }

    FoundArtifact find(const std::string& wish, std::vector<std::string> sources = {"docker://r/nvidia-{os_id}"}) {
        config_.driver = DriverWish::parse(wish);
        config_.sources = std::move(sources);
        return find();
    }
    FoundArtifact find() {
        Services services = host_.services();
        const Overrides none;
        return find_artifact(services, Store{services.root}, config_, {none}, host_.facts, kKey, report_);
    }
    std::string found(const std::string& wish) { return find(wish).pair.driver.text(); }
    Content& here() { return contents_["docker://r/nvidia-coreos"]; }

    FakeHost host_;
    KeptReport report_;
    Config config_;
    std::map<std::string, Content> contents_;
};

TEST_F(FindArtifactTest, AsksForTheComputedTag) {
    here().tags = {"4081.2.1-550.1.1-open"};
    EXPECT_EQ(find("550.1.1-open").artifact.reference, "docker://r/nvidia-coreos:4081.2.1-550.1.1-open");
}

TEST_F(FindArtifactTest, ABranchTakesTheNewestOfThisOsKey) {
    here().tags = {"4081.2.1-550.9.1", "4081.2.1-550.10.1", "4081.9.9-550.99.1", "4081.2.1-560.1.1",
                   "4081.2.1-550.11.1-open"};
    EXPECT_EQ(found("550"), "550.11.1-open");
    EXPECT_EQ(found("550-proprietary"), "550.10.1");
    EXPECT_EQ(found("newest"), "560.1.1");
    EXPECT_TRUE(find("550").index);
    EXPECT_FALSE(find("550.9.1").index);
}

TEST_F(FindArtifactTest, AChannelIsWhatTheIndexSays) {
    here().tags = {"4081.2.1-550.9.1", "4081.2.1-560.1.1"};
    here().index = index_of_tags(here().tags, [&](const Pair& /*pair*/) { return host_.facts.kernel_release; });
    here().index->channels = {{"stable", "550.9.1"}};
    EXPECT_EQ(found("stable"), "550.9.1");
    try {
        static_cast<void>(find("beta"));
        FAIL() << "found one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::no_artifact);
        EXPECT_THAT(error.what(), HasSubstr("it has: stable (550.9.1), newest"));
    }
}

TEST_F(FindArtifactTest, ABranchWithoutAnIndexSaysWhereOneIsMissingAndAVersionNeedsNone) {
    here() = {.tags = {"4081.2.1-550.1.1"}, .has_index = false};
    EXPECT_EQ(found("550.1.1"), "550.1.1");
    try {
        static_cast<void>(find("550"));
        FAIL() << "found one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::no_artifact);
        EXPECT_THAT(error.what(), HasSubstr("docker://r/nvidia-coreos"));
        EXPECT_THAT(error.remedy(), HasSubstr("overdrive-artifact index add docker://r/nvidia-coreos"));
    }
}

TEST_F(FindArtifactTest, AnIndexThatNobodyVouchesForIsNotGoneBy) {
    here().tags = {"4081.2.1-550.1.1"};
    config_.trust.allow_unsigned = false;
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550")); }), Errc::untrusted);
    EXPECT_EQ(found("550.1.1"), "550.1.1") << "its own signature is asked for later";
    try {
        static_cast<void>(find("550.7.7"));
        FAIL() << "found one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::no_artifact);
        EXPECT_THAT(error.what(), HasSubstr("what is near it is not known"));
    }
}

TEST_F(FindArtifactTest, TheIndexOfAnotherRepositoryIsRefused) {
    here().tags = {"4081.2.1-550.1.1"};
    config_.trust.identity = {"r/y"};
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550")); }), Errc::bad_manifest);
    config_.trust.identity = {"r/x"};
    EXPECT_EQ(found("550"), "550.1.1");
}

TEST_F(FindArtifactTest, WhatARegistryLacksIsSaidAndWhatWasNotCarriedAlongIsPassedOver) {
    here() = {.tags = {"4081.2.1-550.1.1", "4081.2.1-550.2.2"}, .missing = {"4081.2.1-550.2.2"}};
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550")); }), Errc::incomplete_artifact);
    here().partial = true;
    EXPECT_EQ(found("550"), "550.1.1");
}

TEST_F(FindArtifactTest, APairForAnotherKernelOfTheSameOsKeyDoesNotFit) {
    here().tags = {"4081.2.1-550.1.1"};
    host_.facts.kernel_release = "6.9.9-new";
    here().index = index_of_tags(here().tags, [](const Pair& /*pair*/) { return "6.9.8-old"; });
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550")); }), Errc::no_artifact);
}

TEST_F(FindArtifactTest, TheNextSourceIsAskedWhenOneDoesNotAnswerOrDoesNotHaveIt) {
    contents_["oci:/a"].failure = Errc::unreachable;
    contents_["oci:/c"].tags = {"4081.2.1-550.1.1"};
    EXPECT_EQ(find("550.1.1", {"oci:/a", "oci:/b", "oci:/c"}).source->name(), "oci:/c");
    EXPECT_THAT(report_.warnings, testing::ElementsAre("oci:/a: connection refused"));
}

TEST_F(FindArtifactTest, NoArtifactNamesTheNearestPairs) {
    here().tags = {"4000.0.0-550.1.1", "4081.2.1-535.1.1", "4081.2.1-550.2.2", "latest"};
    try {
        static_cast<void>(find("550.1.1"));
        FAIL() << "found one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::no_artifact);
        EXPECT_THAT(error.what(), HasSubstr("the nearest are 550.2.2/4081.2.1, 535.1.1/4081.2.1, 550.1.1/4000.0.0"));
    }
}

TEST_F(FindArtifactTest, ADeadSourceIsNeverTakenForAMissingArtifact) {
    contents_["oci:/a"].failure = Errc::unreachable;
    try {
        static_cast<void>(find("550.1.1", {"oci:/a", "oci:/b"}));
        FAIL() << "found one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unreachable);
        EXPECT_THAT(error.what(), HasSubstr("oci:/a: connection refused"));
        EXPECT_THAT(error.what(), HasSubstr("no driver in oci:/b"));
    }
}

TEST_F(FindArtifactTest, ADeadSourceIsNeverTakenForOneWithoutTheBranch) {
    contents_["oci:/a"].failure = Errc::unreachable;
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550", {"oci:/a"})); }), Errc::unreachable);
}

TEST_F(FindArtifactTest, ALoginOrACertificateThatIsRefusedLeavesTheOtherSourcesTheirTurn) {
    for (const Errc code : {Errc::login_refused, Errc::tls_refused}) {
        contents_["oci:/a"].failure = code;
        contents_["oci:/c"].tags = {"4081.2.1-550.1.1"};
        EXPECT_EQ(find("550.1.1", {"oci:/a", "oci:/c"}).source->name(), "oci:/c");
    }
    contents_["oci:/a"].failure = Errc::bad_manifest;
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550.1.1", {"oci:/a", "oci:/c"})); }), Errc::bad_manifest);
}

TEST_F(FindArtifactTest, TheReasonThatDoesNotPassByItselfIsTold) {
    contents_["oci:/a"].failure = Errc::unreachable;
    contents_["oci:/b"].failure = Errc::login_refused;
    contents_["oci:/c"].failure = Errc::tls_refused;
    try {
        static_cast<void>(find("550.1.1", {"oci:/a", "oci:/b", "oci:/c"}));
        FAIL() << "found one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::tls_refused);
        EXPECT_EQ(error.remedy(), "see to oci:/c");
        for (const char* name : {"oci:/a", "oci:/b", "oci:/c"}) EXPECT_THAT(error.what(), HasSubstr(name));
    }
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550.1.1", {"oci:/a", "oci:/b"})); }), Errc::login_refused);
}

TEST_F(FindArtifactTest, C16_HostsSpreadTheirFirstRequestsAfterABoot) {
    Services services = host_.services();
    Config config;
    config.boot_jitter = std::chrono::seconds{30};
    std::set<std::chrono::milliseconds> waits;
    for (int host = 0; host < 100; ++host) {
        host_.root_dir.write("etc/machine-id", "machine " + std::to_string(host));
        const auto before = host_.clock.now;
        wait_boot_jitter(services, config, report_);
        const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(host_.clock.now - before);
        EXPECT_LE(waited, config.boot_jitter);
        waits.insert(waited / 3000);  // ten stretches of 3 s
    }
    EXPECT_EQ(waits.size(), 10U);
    const auto before = host_.clock.now;
    config.boot_jitter = std::chrono::seconds{0};
    wait_boot_jitter(services, config, report_);
    EXPECT_EQ(host_.clock.now, before);
}

TEST_F(FindArtifactTest, WithoutAWishOrASourceItSaysWhatToWrite) {
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550.1.1", {})); }), Errc::config);
    config_.driver.reset();
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find()); }), Errc::config);
}

}  // namespace
}  // namespace overdrive
