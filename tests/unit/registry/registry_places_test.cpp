#include "registry/registry_places.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "registry/make_source.hpp"
#include "support/loopback_access.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kCertificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

class RegistryPlacesTest : public testing::Test {
protected:
    /// `scheme://host/repository` of each endpoint, as a run that begins now asks them.
    std::vector<std::string> urls(const std::string& source, std::vector<std::string> insecure = {}) {
        RegistryAccess access = make(std::move(insecure));
        std::vector<std::string> out;
        for (const Endpoint& endpoint : access.endpoints(parse_source_name(source)))
            out.push_back((endpoint.plain_http ? "http://" : "https://") + endpoint.host + "/" + endpoint.repository);
        return out;
    }
    RegistryAccess make(std::vector<std::string> insecure = {}) {
        return {host_.root(), {transport_, logins_, clock_, {}}, {.insecure = std::move(insecure)}};
    }

    TemporaryRoot host_;
    NoTransport transport_;
    NoLogins logins_;
    SkippingClock clock_;
};

TEST_F(RegistryPlacesTest, ARegistryIsAskedInHttpsUnlessItIsLoopbackOrCalledInsecure) {
    EXPECT_THAT(urls("docker://r.example/a"), ElementsAre("https://r.example/a"));
    EXPECT_THAT(urls("docker://127.0.0.1:5000/a"), ElementsAre("http://127.0.0.1:5000/a"));
    EXPECT_THAT(urls("docker://r.example:80/a", {"r.example:80"}), ElementsAre("http://r.example:80/a"));
    host_.write("etc/containers/registries.conf", "[[registry]]\nlocation = \"r.example\"\ninsecure = true\n");
    EXPECT_THAT(urls("docker://r.example/a"), ElementsAre("http://r.example/a"));
}

TEST_F(RegistryPlacesTest, ADirectoryInCertsDMakesItHttpsWhateverIsCalledInsecure) {
    host_.write("etc/containers/registries.conf", "[[registry]]\nlocation = \"r.example\"\ninsecure = true\n");
    for (const char* name : {"r.example", "127.0.0.1:5000", "listed.example"})
        std::filesystem::create_directories(host_.path() + "/etc/containers/certs.d/" + name);
    EXPECT_THAT(urls("docker://r.example/a"), ElementsAre("https://r.example/a"));
    EXPECT_THAT(urls("docker://127.0.0.1:5000/a"), ElementsAre("https://127.0.0.1:5000/a"));
    EXPECT_THAT(urls("docker://listed.example/a", {"listed.example"}), ElementsAre("https://listed.example/a"));
}

TEST_F(RegistryPlacesTest, EachMirrorHasItsOwnFlagsAndCertificates) {
    host_.write("etc/containers/registries.conf",
                "[[registry]]\nlocation = \"r.example\"\nmirror = [{location = \"m1.example/x\", insecure = true}, "
                "{location = \"m2.example\"}]\n");
    host_.write("etc/containers/certs.d/m2.example/ca.crt", kCertificate);
    RegistryAccess access = make();
    const std::vector<Endpoint> endpoints = access.endpoints(parse_source_name("docker://r.example/a"));
    ASSERT_EQ(endpoints.size(), 3U);
    EXPECT_EQ(endpoints[0].host + "/" + endpoints[0].repository, "m1.example/x/a");
    EXPECT_TRUE(endpoints[0].plain_http && endpoints[0].is_mirror);
    EXPECT_THAT(endpoints[0].tls.authorities, IsEmpty());
    EXPECT_FALSE(endpoints[1].plain_http);
    EXPECT_THAT(endpoints[1].tls.authorities, ElementsAre(HasSubstr("/etc/containers/certs.d/m2.example/ca.crt")));
    EXPECT_FALSE(endpoints[2].is_mirror);
}

TEST_F(RegistryPlacesTest, DropInsAreLaidOverInTheOrderOfTheirNames) {
    const auto location = [](const std::string& to) {
        return "[[registry]]\nprefix = \"r.example\"\nlocation = \"" + to + "\"\n";
    };
    host_.write("etc/containers/registries.conf", location("main.example"));
    EXPECT_THAT(urls("docker://r.example/a"), ElementsAre("https://main.example/a"));
    host_.write("etc/containers/registries.conf.d/20.conf", location("twenty.example"));
    host_.write("etc/containers/registries.conf.d/10.conf", location("ten.example"));
    host_.write("etc/containers/registries.conf.d/30.conf.bak", "not even TOML");
    EXPECT_THAT(urls("docker://r.example/a"), ElementsAre("https://twenty.example/a"));
    host_.write("root/.config/containers/registries.conf.d/05.conf", location("home-drop-in.example"));
    EXPECT_THAT(urls("docker://r.example/a"), ElementsAre("https://home-drop-in.example/a"));
}

TEST_F(RegistryPlacesTest, AFileOfHomeReplacesThoseOfEtc) {
    host_.write("etc/containers/registries.conf", "[[registry]]\nlocation = \"r.example\"\nblocked = true\n");
    host_.write("etc/containers/registries.conf.d/10.conf", "nonsense");
    host_.write("root/.config/containers/registries.conf", "");
    EXPECT_THAT(urls("docker://r.example/a"), ElementsAre("https://r.example/a"));
}

TEST_F(RegistryPlacesTest, DockerHubIsAskedAtItsRegistry) {
    EXPECT_THAT(urls("docker://docker.io/mine/a"), ElementsAre("https://registry-1.docker.io/mine/a"));
    EXPECT_THAT(urls("docker://docker.io/a"), ElementsAre("https://registry-1.docker.io/library/a"));
    host_.write("etc/containers/registries.conf",
                "[[registry]]\nlocation = \"docker.io\"\nmirror = [{location = \"m.example\"}]\n");
    EXPECT_THAT(urls("docker://docker.io/a"),
                ElementsAre("https://m.example/library/a", "https://registry-1.docker.io/library/a"));
}

TEST_F(RegistryPlacesTest, WhatIsPushedGoesToThePlaceItself) {
    host_.write(
        "etc/containers/registries.conf",
        "[[registry]]\nprefix = \"r.example\"\nlocation = \"x.example\"\nmirror = [{location = \"m.example\"}]\n");
    const Endpoint own = make().own_place(parse_source_name("docker://r.example/a"));
    EXPECT_EQ(own.host, "r.example");
    EXPECT_FALSE(own.is_mirror);
}

TEST_F(RegistryPlacesTest, AMalformedFileIsNamedAndNothingIsReadForALayout) {
    host_.write("etc/containers/registries.conf", "nonsense");
    RegistryAccess access = make();
    EXPECT_EQ(make_source("oci:/a", access, "coreos")->name(), "oci:/a");
    try {
        static_cast<void>(make_source("docker://r.example/a", access, "coreos"));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::config);
        EXPECT_THAT(error.what(), HasSubstr("/etc/containers/registries.conf:1"));
    }
}

TEST_F(RegistryPlacesTest, WarningsAreGivenOnce) {
    const std::string directory = "etc/containers/certs.d/r.example/";
    host_.write(directory + "client.cert", kCertificate);
    host_.write(directory + "client.key", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n");
    std::filesystem::permissions(host_.path() + "/" + directory + "client.key", std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    RegistryAccess access = make();
    static_cast<void>(access.endpoints(parse_source_name("docker://r.example/a")));
    EXPECT_THAT(access.take_warnings(), ElementsAre(HasSubstr("client.key")));
    EXPECT_THAT(access.take_warnings(), IsEmpty());
}

}  // namespace
}  // namespace overdrive
