#include "cdi/engine_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class EngineSettingsTest : public testing::Test {
protected:
    [[nodiscard]] CdiEngineSettings of(const std::string& engine) const {
        return read_engine_settings(dir_.root(), engine);
    }
    TemporaryRoot dir_;
};

TEST_F(EngineSettingsTest, WithoutAFileEveryEngineLooksInTheUsualPlaces) {
    for (const char* engine : {"podman", "docker", "containerd", "cri-o"}) {
        const CdiEngineSettings settings = of(engine);
        EXPECT_THAT(settings.folders, ElementsAre("/etc/cdi", "/var/run/cdi")) << engine;
        EXPECT_EQ(settings.said_by, "") << engine;
        EXPECT_EQ(settings.enabled, std::nullopt) << engine;
        EXPECT_THAT(settings.problems, IsEmpty()) << engine;
    }
}

TEST_F(EngineSettingsTest, OfPodmansFilesTheLastOneCounts) {
    dir_.write("usr/share/containers/containers.conf", "[engine]\ncdi_spec_dirs = [\"/usr/cdi\"]\n");
    EXPECT_THAT(of("podman").folders, ElementsAre("/usr/cdi"));
    dir_.write("etc/containers/containers.conf", "[engine]\ncdi_spec_dirs = [\"/etc/cdi\", \"/run/cdi\"]\n");
    dir_.write("etc/containers/containers.conf.d/10-log.conf", "[containers]\nlog_size_max = 1\n");
    EXPECT_THAT(of("podman").folders, ElementsAre("/etc/cdi", "/run/cdi"));
    EXPECT_EQ(of("podman").said_by, "/etc/containers/containers.conf");
    dir_.write("etc/containers/containers.conf.d/50-cdi.conf", "[engine]\ncdi_spec_dirs = [\"/opt/cdi\"]\n");
    EXPECT_THAT(of("podman").folders, ElementsAre("/opt/cdi"));
}

TEST_F(EngineSettingsTest, DockerIsToldInJson) {
    dir_.write("etc/docker/daemon.json", R"({"cdi-spec-dirs": ["/opt/cdi"], "features": {"cdi": false}})");
    EXPECT_THAT(of("docker").folders, ElementsAre("/opt/cdi"));
    EXPECT_EQ(of("docker").enabled, false);
    dir_.write("etc/docker/daemon.json", R"({"features": {"cdi": true}})");
    EXPECT_THAT(of("docker").folders, ElementsAre("/etc/cdi", "/var/run/cdi"));
    EXPECT_EQ(of("docker").enabled, true);
}

TEST_F(EngineSettingsTest, ContainerdIsToldInEitherLayoutAndByWhatItImports) {
    dir_.write("etc/containerd/config.toml",
               "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nenable_cdi = true\ncdi_spec_dirs = [\"/a\"]\n");
    EXPECT_THAT(of("containerd").folders, ElementsAre("/a"));
    EXPECT_EQ(of("containerd").enabled, true);
    dir_.write("etc/containerd/config.toml",
               "version = 3\nimports = [\"/etc/containerd/conf.d/*.toml\", \"/etc/more.toml\", \"relative\"]\n"
               "[plugins.'io.containerd.cri.v1.runtime']\nenable_cdi = false\n");
    EXPECT_EQ(of("containerd").enabled, false);
    dir_.write("etc/containerd/conf.d/cdi.toml",
               "[plugins.'io.containerd.cri.v1.runtime']\ncdi_spec_dirs = [\"/b\"]\n");
    dir_.write("etc/more.toml", "[plugins.'io.containerd.cri.v1.runtime']\nenable_cdi = true\n");
    EXPECT_THAT(of("containerd").folders, ElementsAre("/b"));
    EXPECT_EQ(of("containerd").said_by, "/etc/containerd/conf.d/cdi.toml");
    EXPECT_EQ(of("containerd").enabled, true);
}

TEST_F(EngineSettingsTest, CrioIsToldInDropIns) {
    dir_.write("etc/crio/crio.conf", "[crio.runtime]\ncdi_spec_dirs = [\"/a\"]\n");
    dir_.write("etc/crio/crio.conf.d/99-cdi.conf", "[crio.runtime]\ncdi_spec_dirs = [\"/b\", \"/c\"]\n");
    EXPECT_THAT(of("cri-o").folders, ElementsAre("/b", "/c"));
}

TEST_F(EngineSettingsTest, WhatCannotBeReadIsAProblemAndSpoilsNothingElse) {
    dir_.write("etc/containers/containers.conf", "[engine\n");
    dir_.write("etc/containers/containers.conf.d/50-cdi.conf", "[engine]\ncdi_spec_dirs = [\"/opt/cdi\"]\n");
    EXPECT_THAT(of("podman").problems, ElementsAre(HasSubstr("'/etc/containers/containers.conf' cannot be read")));
    EXPECT_THAT(of("podman").folders, ElementsAre("/opt/cdi"));
    for (const char* text : {"[]", "{", "null"}) {
        dir_.write("etc/docker/daemon.json", text);
        EXPECT_THAT(of("docker").problems, ElementsAre(HasSubstr("no JSON object"))) << text;
    }
    for (const char* text : {R"({"cdi-spec-dirs": "/a"})", R"({"cdi-spec-dirs": [1]})", R"({"features": [true]})"}) {
        dir_.write("etc/docker/daemon.json", text);
        EXPECT_THAT(of("docker").folders, ElementsAre("/etc/cdi", "/var/run/cdi")) << text;
    }
    ASSERT_EQ(mkfifo((dir_.path() + "/etc/containerd-config").c_str(), 0600), 0);
    dir_.write("etc/containerd/config.toml", "imports = [\"/etc/containerd-config\"]\n");
    EXPECT_THAT(of("containerd").folders, ElementsAre("/etc/cdi", "/var/run/cdi")) << "a pipe would never answer";
}

TEST_F(EngineSettingsTest, AReleaseThatHasCdiSwitchedOffSaysHowToSwitchItOn) {
    EXPECT_FALSE(is_cdi_on_by_default(parse_cdi_engine("docker=28.1")));
    EXPECT_TRUE(is_cdi_on_by_default(parse_cdi_engine("docker=28.2")));
    EXPECT_FALSE(is_cdi_on_by_default(parse_cdi_engine("containerd=1.7.24")));
    EXPECT_TRUE(is_cdi_on_by_default(parse_cdi_engine("containerd=2.0")));
    EXPECT_TRUE(is_cdi_on_by_default(parse_cdi_engine("podman=4.3")));
    EXPECT_THAT(how_to_enable_cdi("docker"), HasSubstr("daemon.json"));
    EXPECT_THAT(how_to_enable_cdi("containerd"), HasSubstr("enable_cdi = true"));
}

}  // namespace
}  // namespace overdrive
