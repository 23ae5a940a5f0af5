#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "store/store.hpp"
#include "support/fake_host.hpp"
#include "trust/signature.hpp"
#include "trust/simple_signing.hpp"
#include "unit/archive/sample_artifact.hpp"
#include "unit/trust/test_keys.hpp"
#include "verbs/install.hpp"
#include "verbs/list.hpp"
#include "verbs/status.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kRepository = "registry.example/overdrive/nvidia-coreos";
constexpr const char* kTag = "4081.2.1-900.1.0";

/// Gives away a source that a test keeps.
class Lent final : public ArtifactSource {
public:
    explicit Lent(FakeSource& source) : source_{source} {}
    [[nodiscard]] std::string name() const override { return source_.name(); }
    std::optional<ResolvedArtifact> resolve(const std::string& tag, const std::string& architecture) override {
        return source_.resolve(tag, architecture);
    }
    std::vector<ImageSignature> signatures(const ResolvedArtifact& artifact, const Enough& enough) override {
        return source_.signatures(artifact, enough);
    }
    void read_blob(const LayerDescriptor& layer, const Sink& sink) override { source_.read_blob(layer, sink); }
    std::optional<ResolvedIndex> find_pair_index() override { return std::nullopt; }
    std::string read_document(const DocumentBlob& /*document*/) override { return {}; }
    std::optional<ResolvedArtifact> resolve_pinned(const PinnedImage& image, const std::string& architecture) override {
        return source_.resolve_pinned(image, architecture);
    }
    [[nodiscard]] bool may_be_partial() const override { return false; }

private:
    FakeSource& source_;
};

class InstallTrust : public testing::Test {
protected:
    InstallTrust() {
        sample_.signature.clear();
        host_.root_dir.write("etc/first.pub", first_.public_pem);
        host_.root_dir.write("etc/second.pub", second_.public_pem);
        configure("[trust]\nkeys = [\"/etc/first.pub\"]\n");
        host_.open_source = [this](const std::string& /*name*/) { return std::make_unique<Lent>(source_); };
        offer();
    }

    void configure(const std::string& toml) {
        host_.root_dir.write("etc/overdrive/config.toml",
                             "driver = \"900.1.0\"\nsources = [\"docker://r/x\"]\n" + toml);
    }
    void offer() {
        sample_.put_into(source_);
        source_.artifact->identity = std::string{kRepository} + ":" + kTag;
    }
    void add_signature(const TestKey& key, std::optional<std::uint64_t> serial = {}) {
        const std::string payload =
            SimpleSigning{
                .identity = kRepository, .manifest_digest = source_.artifact->manifest_digest, .serial = serial}
                .to_json();
        source_.image_signatures.push_back({.payload = payload, .base64 = sign(payload, key.private_pem)});
    }
    ExitCode install(bool allow_older = false) {
        Services services = host_.services();
        InstallOptions options;
        options.no_activate = true;
        options.no_units = true;
        options.allow_older = allow_older;
        source_.asked.clear();
        return run_install(options, services, report_);
    }
    Error refusal() {
        try {
            install();
            ADD_FAILURE() << "installed: " << report_.json.dump();
        } catch (const Error& error) {
            return error;
        }
        return {Errc::io, "installed"};
    }
    /// The source offers anew what is not on the host any more.
    void remove_installed() {
        Store store{host_.root_dir.root()};
        store.remove_generation({DriverId::parse("900.1.0"), "4081.2.1"});
    }
    Record record() { return Store{host_.root_dir.root()}.load_record().value(); }

    FakeHost host_;
    KeptReport report_;
    SampleArtifact sample_;
    FakeSource source_;
    TestKey first_ = make_test_key("P-256");
    TestKey second_ = make_test_key("ED25519");
};

TEST_F(InstallTrust, ASignatureOverTheImageIsAskedForBeforeAnythingIsPulled) {
    add_signature(first_, 7);
    EXPECT_EQ(install(), ExitCode::at_reboot);
    EXPECT_EQ(source_.asked_before_signatures, 0U);
    EXPECT_EQ(report_.json["trust"].dump(), R"({"kind":"manifest","signed_by":["/etc/first.pub"],"serial":7})");
}

TEST_F(InstallTrust, TheSignatureOfDriverJsonIsTheOtherWay) {
    sample_.signature = sign(sample_.manifest().to_json(), first_.private_pem) + "\n";
    offer();
    EXPECT_EQ(install(), ExitCode::at_reboot);
    EXPECT_EQ(report_.json["trust"]["kind"], "driver-json");
    EXPECT_THAT(record().serials, IsEmpty());
}

TEST_F(InstallTrust, D5ARefusalSaysOfBothWaysWhyNot) {
    add_signature(second_);
    const Error error = refusal();
    EXPECT_EQ(error.code(), Errc::untrusted);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("by no configured key"), HasSubstr("has no signature (driver.json.sig)")));
    EXPECT_THAT(error.remedy(), HasSubstr("[trust]\nkeys = "));
    EXPECT_THAT(source_.asked, ElementsAre(LayerRole::modules)) << "user space is not pulled for it";
}

TEST_F(InstallTrust, SignaturesThatCannotBeReadAreNoneAndAreNamed) {
    source_.signatures_fail = Errc::bad_manifest;
    EXPECT_THAT(refusal().what(), HasSubstr("the image's signatures cannot be read: signatures: injected"));
    source_.signatures_fail = Errc::unreachable;
    EXPECT_EQ(refusal().code(), Errc::unreachable);
}

TEST_F(InstallTrust, WithoutKeysNobodyAsksForSignatures) {
    configure("[trust]\nallow-unsigned = true\n");
    EXPECT_EQ(install(), ExitCode::at_reboot);
    EXPECT_EQ(source_.asked_before_signatures, std::nullopt);
    EXPECT_EQ(report_.json["trust"]["kind"], "unsigned");
}

TEST_F(InstallTrust, ThePolicyOfTheRepositoryDecides) {
    configure(
        "[trust]\nallow-unsigned = true\n[[trust.policy]]\nprefix = \"registry.example/overdrive\"\nkeys = "
        "[\"/etc/second.pub\"]\n");
    add_signature(first_);
    EXPECT_THAT(refusal().remedy(), HasSubstr("[[trust.policy]]\nprefix = \"registry.example/overdrive\"\n"));
    add_signature(second_);
    EXPECT_EQ(install(), ExitCode::at_reboot);
    EXPECT_EQ(report_.json["trust"]["signed_by"][0], "/etc/second.pub");
}

TEST_F(InstallTrust, ASourceWithoutARepositoryIsNamedAsItIsWritten) {
    source_.artifact->identity.clear();
    configure("[trust]\nallow-unsigned = true\n[[trust.policy]]\nprefix = \"fake:\"\nkeys = [\"/etc/first.pub\"]\n");
    EXPECT_THROW(install(), Error);  // no place ends with a colon but those that are known
    configure("[trust]\nkeys = [\"/etc/second.pub\"]\n");
    add_signature(second_, 3);
    EXPECT_EQ(install(), ExitCode::at_reboot);
    EXPECT_THAT(record().serials, ElementsAre(testing::Pair(std::string{kRepository} + ":" + kTag, 3U)));
}

TEST_F(InstallTrust, C13ASerialIsRememberedAndALowerOrMissingOneIsRefusedBeforeAnythingIsPulled) {
    add_signature(first_, 7);
    install();
    EXPECT_THAT(record().serials, ElementsAre(testing::Pair(std::string{kRepository} + ":" + kTag, 7U)));
    remove_installed();
    for (const std::optional<std::uint64_t> serial :
         {std::optional<std::uint64_t>{6}, std::optional<std::uint64_t>{}}) {
        source_.image_signatures.clear();
        add_signature(first_, serial);
        EXPECT_EQ(refusal().code(), Errc::older_artifact);
        EXPECT_THAT(source_.asked, IsEmpty());
    }
    add_signature(first_, 7);
    EXPECT_EQ(install(), ExitCode::at_reboot);
}

TEST_F(InstallTrust, C13AnOlderSerialIsNotRefusedBeforeEveryPlaceWasAsked) {
    add_signature(first_, 7);
    install();
    remove_installed();
    source_.image_signatures.clear();
    add_signature(first_, 9);
    source_.further_signatures = std::exchange(source_.image_signatures, {});
    add_signature(first_, 6);
    EXPECT_EQ(install(), ExitCode::at_reboot);
    EXPECT_THAT(record().serials, ElementsAre(testing::Pair(testing::_, 9U)));
}

TEST_F(InstallTrust, OtherPlacesAreAskedOnlyWhileThePolicyIsNotSatisfied) {
    configure("[trust]\nkeys = [\"/etc/first.pub\", \"/etc/second.pub\"]\nrequire = \"all\"\n");
    add_signature(second_);
    source_.further_signatures = std::exchange(source_.image_signatures, {});
    add_signature(first_);
    EXPECT_EQ(install(), ExitCode::at_reboot);
    EXPECT_EQ(report_.json["trust"]["signed_by"].dump(), R"(["/etc/first.pub","/etc/second.pub"])");

    remove_installed();
    configure("[trust]\nkeys = [\"/etc/first.pub\", \"/etc/second.pub\"]\n");
    EXPECT_EQ(install(), ExitCode::at_reboot);
    EXPECT_EQ(report_.json["trust"]["signed_by"].dump(), R"(["/etc/first.pub"])");
}

TEST_F(InstallTrust, C13ASignatureOfDriverJsonAloneDoesNotShowThatItIsNotOlder) {
    add_signature(first_, 7);
    install();
    remove_installed();
    source_.image_signatures.clear();
    sample_.signature = sign(sample_.manifest().to_json(), first_.private_pem) + "\n";
    offer();
    EXPECT_EQ(refusal().code(), Errc::older_artifact);
}

TEST_F(InstallTrust, C13GoingBackKnowinglyIsRememberedToo) {
    add_signature(first_, 7);
    install();
    remove_installed();
    source_.image_signatures.clear();
    add_signature(first_, 5);
    EXPECT_EQ(install(true), ExitCode::at_reboot);
    EXPECT_THAT(record().serials, ElementsAre(testing::Pair(testing::_, 5U)));
    remove_installed();
    source_.image_signatures.clear();
    add_signature(first_);
    EXPECT_EQ(install(true), ExitCode::at_reboot);
    EXPECT_THAT(record().serials, IsEmpty());
}

TEST_F(InstallTrust, C13ALostRecordIsNoWayBack) {
    add_signature(first_, 7);
    install();
    host_.root_dir.write("opt/nvidia/.overdrive/record.json", "damaged");
    host_.root_dir.write("opt/nvidia/900.1.0/4081.2.1/driver.json", "damaged");  // so that it is fetched again
    source_.image_signatures.clear();
    add_signature(first_, 6);
    EXPECT_EQ(refusal().code(), Errc::older_artifact);
}

TEST_F(InstallTrust, WhoVouchedIsToldLaterByListAndStatusAndHistory) {
    add_signature(first_, 7);
    install();
    Services services = host_.services();
    run_list({}, services, report_);
    EXPECT_EQ(report_.json["generations"][0]["trust"]["serial"], 7);
    EXPECT_THAT(report_.text, HasSubstr("image signed by '/etc/first.pub' (serial 7)"));
    run_status({}, services, report_);
    EXPECT_EQ(report_.json["trust"]["signed_by"][0], "/etc/first.pub");
    EXPECT_TRUE(report_.json["pending"].is_null());
    EXPECT_TRUE(report_.json["attempts"].is_array());
    EXPECT_TRUE(report_.json["rolled_back"].is_null());
    EXPECT_THAT(record().history.back().detail, HasSubstr("image signed by '/etc/first.pub' (serial 7)"));
    EXPECT_EQ(install(), ExitCode::ok);
    EXPECT_EQ(report_.json["trust"]["serial"], 7) << "told of what is installed already, too";
}

}  // namespace
}  // namespace overdrive
