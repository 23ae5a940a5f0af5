#include "registry/registries_conf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kFile = "/etc/containers/registries.conf";

RegistriesConf parse(const std::string& toml) {
    RegistriesConf conf;
    conf.apply(toml, kFile);
    return conf;
}

/// `host/repository` of each place, with what is special about it.
std::vector<std::string> asked(const RegistriesConf& conf, const std::string& host, const std::string& repository) {
    std::vector<std::string> out;
    for (const RegistriesConf::Place& place : conf.places(host, repository)) {
        out.push_back(place.host + "/" + place.repository + (place.insecure ? " insecure" : "") +
                      (place.is_mirror ? " mirror" : "") + (place.for_tags ? "" : " no-tags") +
                      (place.for_digests ? "" : " no-digests"));
    }
    return out;
}

Error refusal(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return error;
    }
    return {Errc::not_restored, "accepted"};
}

TEST(RegistriesConfTest, WithoutAFileTheNameIsThePlace) {
    EXPECT_THAT(asked({}, "registry.example:5000", "a/b"), ElementsAre("registry.example:5000/a/b"));
    EXPECT_THAT(asked(parse(""), "registry.example", "a"), ElementsAre("registry.example/a"));
}

// The example of containers-registries.conf(5).
TEST(RegistriesConfTest, AsksMirrorsInOrderAndThenTheLocation) {
    const RegistriesConf conf = parse(R"(
unqualified-search-registries = ["example.com"]

[[registry]]
prefix = "example.com/foo"
insecure = false
blocked = false
location = "internal-registry-for-example.com/bar"

[[registry.mirror]]
location = "example-mirror-0.local/mirror-for-foo"

[[registry.mirror]]
location = "example-mirror-1.local/mirrors/foo"
insecure = true

[[registry]]
location = "registry.com"

[[registry.mirror]]
location = "mirror.registry.com"
)");
    EXPECT_THAT(asked(conf, "example.com", "foo/image"),
                ElementsAre("example-mirror-0.local/mirror-for-foo/image mirror",
                            "example-mirror-1.local/mirrors/foo/image insecure mirror",
                            "internal-registry-for-example.com/bar/image"));
    EXPECT_THAT(asked(conf, "registry.com", "image"),
                ElementsAre("mirror.registry.com/image mirror", "registry.com/image"));
    EXPECT_THAT(asked(conf, "example.com", "foobar"), ElementsAre("example.com/foobar"));
}

TEST(RegistriesConfTest, TheLongestPrefixAloneCounts) {
    const RegistriesConf conf = parse(R"(
[[registry]]
location = "example.com"
insecure = true
[[registry.mirror]]
location = "mirror.local"
[[registry]]
location = "example.com/foo"
[[registry]]
prefix = "example.com/foo/image"
location = "exact.local/x"
)");
    EXPECT_THAT(asked(conf, "example.com", "bar"), ElementsAre("mirror.local/bar mirror", "example.com/bar insecure"));
    EXPECT_THAT(asked(conf, "example.com", "foo/other"), ElementsAre("example.com/foo/other"));
    EXPECT_THAT(asked(conf, "example.com", "foo/image"), ElementsAre("exact.local/x"));
    EXPECT_THAT(asked(conf, "example.com", "foo/image/more"), ElementsAre("exact.local/x/more"));
    EXPECT_THAT(asked(conf, "example.com:5000", "bar"), ElementsAre("example.com:5000/bar"));
}

TEST(RegistriesConfTest, AWildcardStandsForSubdomainsWithAnyPort) {
    const RegistriesConf conf = parse(R"(
[[registry]]
prefix = "*.example.com"
insecure = true
[[registry]]
prefix = "*.moved.example"
location = "there.local/deep"
)");
    for (const char* host : {"bar.example.com", "foo.bar.example.com", "bar.example.com:5000"})
        EXPECT_THAT(asked(conf, host, "a/b"), ElementsAre(std::string{host} + "/a/b insecure"));
    for (const char* host : {"example.com", "barexample.com", "example.com.evil.org"})
        EXPECT_THAT(asked(conf, host, "a/b"), ElementsAre(std::string{host} + "/a/b"));
    EXPECT_THAT(asked(conf, "x.moved.example", "a/b"), ElementsAre("there.local/deep/a/b"));
}

TEST(RegistriesConfTest, MirrorsMayBeForDigestsOrTagsOnly) {
    const RegistriesConf all = parse(R"(
[[registry]]
location = "r"
mirror-by-digest-only = true
mirror = [{location = "m1"}, {location = "m2"}]
)");
    EXPECT_THAT(asked(all, "r", "a"), ElementsAre("m1/a mirror no-tags", "m2/a mirror no-tags", "r/a"));
    const RegistriesConf each = parse(R"(
[[registry]]
location = "r"
[[registry.mirror]]
location = "m1"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "m2"
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "m3"
pull-from-mirror = "all"
)");
    EXPECT_THAT(asked(each, "r", "a"),
                ElementsAre("m1/a mirror no-tags", "m2/a mirror no-digests", "m3/a mirror", "r/a"));
}

TEST(RegistriesConfTest, ALaterFileReplacesTheTableOfTheSamePrefixWhole) {
    RegistriesConf conf = parse(
        "[[registry]]\nlocation = \"r\"\ninsecure = true\nmirror = [{location = \"m\"}]\n"
        "[[registry]]\nlocation = \"other\"\ninsecure = true\n");
    conf.apply("[[registry]]\nlocation = \"r/\"\n", "/etc/containers/registries.conf.d/50.conf");
    EXPECT_THAT(asked(conf, "r", "a"), ElementsAre("r/a"));
    EXPECT_THAT(asked(conf, "other", "a"), ElementsAre("other/a insecure"));
}

TEST(RegistriesConfTest, ABlockedRegistryIsNamedWithTheTableThatBlocksIt) {
    RegistriesConf conf = parse("[[registry]]\nlocation = \"r\"\n");
    conf.apply("\n[[registry]]\nprefix = \"r/bad\"\nlocation = \"r/bad\"\nblocked = true\n", "/etc/50.conf");
    EXPECT_THAT(asked(conf, "r", "good"), ElementsAre("r/good"));
    for (const auto& ask :
         std::vector<std::function<void()>>{[&] { static_cast<void>(conf.places("r", "bad/a")); },
                                            [&] { static_cast<void>(conf.own_place("r", "bad/a")); }}) {
        const Error error = refusal(ask);
        EXPECT_EQ(error.code(), Errc::config);
        EXPECT_THAT(error.what(), HasSubstr("r/bad/a is blocked by /etc/50.conf:2"));
        EXPECT_THAT(error.remedy(), HasSubstr("'r/bad'"));
    }
}

TEST(RegistriesConfTest, WhatIsPushedGoesWhereItWasNamed) {
    const RegistriesConf conf = parse(
        "[[registry]]\nprefix = \"r\"\nlocation = \"elsewhere\"\ninsecure = true\n"
        "mirror = [{location = \"m\"}]\n");
    EXPECT_EQ(conf.own_place("r", "a"), (RegistriesConf::Place{.host = "r", .repository = "a", .insecure = true}));
}

TEST(RegistriesConfTest, ALocationMustGiveAName) {
    for (const char* location : {"user:secret@h", "h/UPPER", "h/../x", "h:99999", "h/a:tag"}) {
        const RegistriesConf conf =
            parse("[[registry]]\nprefix = \"r\"\nlocation = \"" + std::string{location} + "\"\n");
        EXPECT_EQ(refusal([&] { static_cast<void>(conf.places("r", "a")); }).code(), Errc::config) << location;
        EXPECT_THAT(asked(conf, "other", "a"), ElementsAre("other/a"));
    }
}

TEST(RegistriesConfTest, OtherSettingsAreNotOurs) {
    const RegistriesConf conf = parse(R"(
short-name-mode = "enforcing"
credential-helpers = ["containers-auth.json"]
new-setting = {a = 1}
[aliases]
"a" = "registry.example/a"
[registries.search]
registries = []
[[registry]]
location = "r"
unknown = true
)");
    EXPECT_THAT(asked(conf, "r", "a"), ElementsAre("r/a"));
}

struct Refused {
    const char* toml;
    const char* says;
};
class RefusedRegistriesConf : public testing::TestWithParam<Refused> {};

TEST_P(RefusedRegistriesConf, NamesFileAndLine) {
    const Error error = refusal([] { static_cast<void>(parse(GetParam().toml)); });
    EXPECT_EQ(error.code(), Errc::config) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(std::string{kFile} + ":"));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    RegistriesConfs, RefusedRegistriesConf,
    testing::Values(
        Refused{"[[registry]\n", ":1: not TOML"},
        Refused{"[registries.insecure]\nregistries = ['r']\n", ":1: [registries.insecure] is the format of version 1"},
        Refused{"\n[registries.search]\nregistries = ['r']\n", ":2: [registries.search] is the format of version 1"},
        Refused{"registry = 1\n", "'registry' must be an array of tables"},
        Refused{"[registry]\nlocation = 'r'\n", "'registry' must be an array of tables"},
        Refused{"registry = [1]\n", "'registry' must hold tables only"},
        Refused{"[[registry]]\ninsecure = true\n", ":1: [[registry]] needs a 'location' or a 'prefix'"},
        Refused{"[[registry]]\nprefix = 'r'\n", "needs a 'location'"},
        Refused{"[[registry]]\nlocation = 1\n", ":2: 'location' must be a string"},
        Refused{"[[registry]]\nlocation = 'r'\ninsecure = 'yes'\n", ":3: 'insecure' must be true or false"},
        Refused{"[[registry]]\nlocation = 'https://r'\n", "without '://'"},
        Refused{"[[registry]]\nlocation = 'r'\npull-from-mirror = 'all'\n", "belongs in [[registry.mirror]]"},
        Refused{"[[registry]]\nlocation = 'r'\nmirror = [{insecure = true}]\n", "a mirror needs a 'location'"},
        Refused{"[[registry]]\nlocation = 'r'\nmirror = 'm'\n", "'registry.mirror' must be an array of tables"},
        Refused{"[[registry]]\nlocation = 'r'\nmirror = [{location = 'm', pull-from-mirror = 'x'}]\n",
                "'pull-from-mirror' must be"},
        Refused{"[[registry]]\nlocation = 'r'\nmirror-by-digest-only = true\n"
                "mirror = [{location = 'm', pull-from-mirror = 'all'}]\n",
                "'pull-from-mirror' cannot stand beside"}));

}  // namespace
}  // namespace overdrive
