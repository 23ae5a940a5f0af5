#include "verbs/find_artifact.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "verbs/boot_jitter.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

/// A source that has what its tags say, or does not answer.
class FakeSource final : public ArtifactSource {
public:
    FakeSource(std::string name, std::vector<std::string> tags, std::optional<Errc> failure)
        : name_{std::move(name)}, tags_{std::move(tags)}, failure_{failure} {}
    [[nodiscard]] std::string name() const override { return name_; }
    std::optional<ResolvedArtifact> resolve(const std::string& tag, const std::string& /*architecture*/) override {
        answer();
        if (std::find(tags_.begin(), tags_.end(), tag) == tags_.end()) return std::nullopt;
        return ResolvedArtifact{name_ + ":" + tag, Digest::from_hex(std::string(64, 'a')), {}};
    }
    std::vector<ImageSignature> signatures(const ResolvedArtifact& /*artifact*/) override { return {}; }
    void read_blob(const LayerDescriptor& /*layer*/, const Sink& /*sink*/) override {}
    std::vector<std::string> some_tags() override {
        answer();
        return tags_;
    }

private:
    void answer() const {
        if (failure_) throw Error{*failure_, name_ + ": connection refused"}.with_remedy("see to " + name_);
    }
    std::string name_;
    std::vector<std::string> tags_;
    std::optional<Errc> failure_;
};

class FindArtifactTest : public testing::Test {
protected:
    FindArtifactTest() {
        host_.open_source = [this](const std::string& name) {
            return std::make_unique<FakeSource>(name, tags_[name],
                                                down_.contains(name) ? std::optional{down_[name]} : std::nullopt);
        };
    }

    FoundArtifact find(const std::string& wish, std::vector<std::string> sources = {"docker://r/nvidia-{os_id}"}) {
        Config config;
        config.driver = DriverWish::parse(wish);
        config.sources = std::move(sources);
        Services services = host_.services();
        return find_artifact(services, config, host_.facts, "4081.2.1", report_);
    }

    FakeHost host_;
    KeptReport report_;
    std::map<std::string, std::vector<std::string>> tags_;
    std::map<std::string, Errc> down_;
};

TEST_F(FindArtifactTest, AsksForTheComputedTag) {
    tags_["docker://r/nvidia-coreos"] = {"4081.2.1-550.1.1-open"};
    EXPECT_EQ(find("550.1.1-open").artifact.reference, "docker://r/nvidia-coreos:4081.2.1-550.1.1-open");
}

TEST_F(FindArtifactTest, ABranchTakesTheNewestOfThisOsKey) {
    tags_["docker://r/nvidia-coreos"] = {"4081.2.1-550.9.1", "4081.2.1-550.10.1", "4081.9.9-550.99.1",
                                         "4081.2.1-560.1.1", "4081.2.1-550.11.1-open"};
    EXPECT_EQ(find("550").pair.driver.text(), "550.10.1");
}

TEST_F(FindArtifactTest, TheNextSourceIsAskedWhenOneDoesNotAnswerOrDoesNotHaveIt) {
    down_ = {{"oci:/a", Errc::unreachable}};
    tags_["oci:/c"] = {"4081.2.1-550.1.1"};
    EXPECT_EQ(find("550.1.1", {"oci:/a", "oci:/b", "oci:/c"}).source->name(), "oci:/c");
    EXPECT_THAT(report_.warnings, testing::ElementsAre("oci:/a: connection refused"));
}

TEST_F(FindArtifactTest, NoArtifactNamesTheNearestPairs) {
    tags_["docker://r/nvidia-coreos"] = {"4000.0.0-550.1.1", "4081.2.1-535.1.1", "4081.2.1-550.2.2", "latest"};
    try {
        static_cast<void>(find("550.1.1"));
        FAIL() << "found one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::no_artifact);
        EXPECT_THAT(error.what(), HasSubstr("the nearest are 550.2.2/4081.2.1, 535.1.1/4081.2.1, 550.1.1/4000.0.0"));
    }
}

TEST_F(FindArtifactTest, ADeadSourceIsNeverTakenForAMissingArtifact) {
    down_ = {{"oci:/a", Errc::unreachable}};
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
    down_ = {{"oci:/a", Errc::unreachable}};
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550", {"oci:/a"})); }), Errc::unreachable);
}

TEST_F(FindArtifactTest, ALoginOrACertificateThatIsRefusedLeavesTheOtherSourcesTheirTurn) {
    for (const Errc code : {Errc::login_refused, Errc::tls_refused}) {
        down_ = {{"oci:/a", code}};
        tags_["oci:/c"] = {"4081.2.1-550.1.1"};
        EXPECT_EQ(find("550.1.1", {"oci:/a", "oci:/c"}).source->name(), "oci:/c");
    }
    down_ = {{"oci:/a", Errc::bad_manifest}};
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find("550.1.1", {"oci:/a", "oci:/c"})); }), Errc::bad_manifest);
}

TEST_F(FindArtifactTest, TheReasonThatDoesNotPassByItselfIsTold) {
    down_ = {{"oci:/a", Errc::unreachable}, {"oci:/b", Errc::login_refused}, {"oci:/c", Errc::tls_refused}};
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
    Services services = host_.services();
    Config config;
    EXPECT_EQ(thrown_by([&] { static_cast<void>(find_artifact(services, config, host_.facts, "4081.2.1", report_)); }),
              Errc::config);
}

}  // namespace
}  // namespace overdrive
