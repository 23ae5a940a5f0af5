#include "registry/registry_certs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kCertificate = "Some words\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
constexpr const char* kKey = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";

class RegistryCertsTest : public testing::Test {
protected:
    RegistryCertificates find(const std::string& registry = "r.example:5000") const {
        return find_certificates(host_.root(), "/root", registry);
    }
    /// A key that only root reads.
    void write_key(const std::string& path) const {
        host_.write(path, kKey);
        ASSERT_EQ(chmod((host_.path() + "/" + path).c_str(), 0600), 0);
    }
    std::string refusal() const {
        try {
            static_cast<void>(find());
            return "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::config);
            return error.what();
        }
    }
    [[nodiscard]] std::string at(const std::string& path) const {
        return std::filesystem::canonical(host_.path()).string() + "/" + path;
    }
    TemporaryRoot host_;
};

TEST_F(RegistryCertsTest, WithoutADirectoryThereIsNothing) {
    EXPECT_FALSE(find().has_directory);
    host_.write("etc/containers/certs.d/r.example/ca.crt", kCertificate);
    EXPECT_FALSE(find("r.example:5000").has_directory);
    EXPECT_TRUE(find("r.example").has_directory);
}

// The example of containers-certs.d(5).
TEST_F(RegistryCertsTest, ReadsAuthoritiesAndOneClientPair) {
    const std::string directory = "etc/containers/certs.d/r.example:5000/";
    host_.write(directory + "ca.crt", kCertificate);
    host_.write(directory + "other.crt", kCertificate);
    host_.write(directory + "client.cert", kCertificate);
    write_key(directory + "client.key");
    host_.write(directory + "README", "not read");
    const RegistryCertificates found = find();
    EXPECT_THAT(found.tls.authorities, ElementsAre(at(directory + "ca.crt"), at(directory + "other.crt")));
    EXPECT_EQ(found.tls.client_certificate, at(directory + "client.cert"));
    EXPECT_EQ(found.tls.client_key, at(directory + "client.key"));
    EXPECT_THAT(found.warnings, IsEmpty());
}

TEST_F(RegistryCertsTest, TheFirstDirectoryThatIsThereCountsAlone) {
    host_.write("etc/docker/certs.d/r.example:5000/docker.crt", kCertificate);
    EXPECT_THAT(find().tls.authorities, ElementsAre(HasSubstr("docker.crt")));
    host_.write("etc/containers/certs.d/r.example:5000/etc.crt", kCertificate);
    EXPECT_THAT(find().tls.authorities, ElementsAre(HasSubstr("etc.crt")));
    std::filesystem::create_directories(host_.path() + "/root/.config/containers/certs.d/r.example:5000");
    EXPECT_TRUE(find().has_directory);
    EXPECT_THAT(find().tls.authorities, IsEmpty());
}

TEST_F(RegistryCertsTest, ALinkIsResolvedInsideTheHostRoot) {
    host_.write("etc/pki/ca.pem", kCertificate);
    const std::string directory = host_.path() + "/etc/containers/certs.d/r.example:5000";
    std::filesystem::create_directories(directory);
    std::filesystem::create_symlink("/etc/pki/ca.pem", directory + "/ca.crt");
    EXPECT_THAT(find().tls.authorities, ElementsAre(at("etc/pki/ca.pem")));
    std::filesystem::remove(host_.path() + "/etc/pki/ca.pem");
    EXPECT_THAT(refusal(), HasSubstr("ca.crt' is a link that leads nowhere"));
}

TEST_F(RegistryCertsTest, ACertificateWithoutItsKeyIsRefusedByName) {
    host_.write("etc/containers/certs.d/r.example:5000/client.cert", kCertificate);
    EXPECT_THAT(refusal(), HasSubstr("client.cert' has no key beside it: 'client.key' is missing"));
}

TEST_F(RegistryCertsTest, AKeyWithoutItsCertificateIsRefusedByName) {
    write_key("etc/docker/certs.d/r.example:5000/client.key");
    EXPECT_THAT(refusal(), HasSubstr("client.key' has no certificate beside it: 'client.cert' is missing"));
}

TEST_F(RegistryCertsTest, AFileThatIsNotWhatItsNameSaysIsRefusedByName) {
    const std::string directory = "etc/containers/certs.d/r.example:5000/";
    host_.write(directory + "ca.crt", kKey);
    EXPECT_THAT(refusal(), HasSubstr("ca.crt' holds no CERTIFICATE in PEM"));
    host_.write(directory + "ca.crt", kCertificate);
    host_.write(directory + "client.cert", kCertificate);
    host_.write(directory + "client.key", kCertificate);
    EXPECT_THAT(refusal(), HasSubstr("client.key' holds no PRIVATE KEY in PEM"));
}

TEST_F(RegistryCertsTest, AKeyThatEveryoneMayReadIsOnlyAWarning) {
    const std::string directory = "etc/containers/certs.d/r.example:5000/";
    host_.write(directory + "client.cert", kCertificate);
    write_key(directory + "client.key");
    ASSERT_EQ(chmod(at(directory + "client.key").c_str(), 0644), 0);
    EXPECT_THAT(find().warnings, ElementsAre(HasSubstr("client.key' can be read by every user")));
    EXPECT_FALSE(find().tls.client_key.empty());
}

TEST_F(RegistryCertsTest, OfTwoClientPairsTheFirstIsUsedAndTheOtherNamed) {
    const std::string directory = "etc/containers/certs.d/r.example:5000/";
    for (const std::string name : {"a", "b"}) {
        host_.write(directory + name + ".cert", kCertificate);
        write_key(directory + name + ".key");
    }
    EXPECT_EQ(find().tls.client_certificate, at(directory + "a.cert"));
    EXPECT_THAT(find().warnings, ElementsAre(HasSubstr("b.cert' is not used")));
}

}  // namespace
}  // namespace overdrive
