#include "verbs/find_artifact.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

/// A source that has what its tags say, or does not answer.
class FakeSource final : public ArtifactSource {
public:
    FakeSource(std::string name, std::vector<std::string> tags, bool answers)
        : name_{std::move(name)}, tags_{std::move(tags)}, answers_{answers} {}
    [[nodiscard]] std::string name() const override { return name_; }
    std::optional<ResolvedArtifact> resolve(const std::string& tag, const std::string& /*architecture*/) override {
        if (!answers_) throw Error{Errc::unreachable, name_ + ": connection refused"};
        if (std::find(tags_.begin(), tags_.end(), tag) == tags_.end()) return std::nullopt;
        return ResolvedArtifact{name_ + ":" + tag, Digest::from_hex(std::string(64, 'a')), {}};
    }
    std::vector<ImageSignature> signatures(const ResolvedArtifact& /*artifact*/) override { return {}; }
    void read_blob(const LayerDescriptor& /*layer*/, const Sink& /*sink*/) override {}
    std::vector<std::string> some_tags() noexcept override { return answers_ ? tags_ : std::vector<std::string>{}; }

private:
    std::string name_;
    std::vector<std::string> tags_;
    bool answers_;
};

class FindArtifactTest : public testing::Test {
protected:
    FindArtifactTest() {
        host_.open_source = [this](const std::string& name) {
            return std::make_unique<FakeSource>(name, tags_[name], !down_.contains(name));
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
    std::set<std::string> down_;
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
    down_ = {"oci:/a"};
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
    down_ = {"oci:/a"};
    try {
        static_cast<void>(find("550.1.1", {"oci:/a", "oci:/b"}));
        FAIL() << "found one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unreachable);
        EXPECT_THAT(error.what(), HasSubstr("oci:/a: connection refused"));
        EXPECT_THAT(error.what(), HasSubstr("no driver in oci:/b"));
    }
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
