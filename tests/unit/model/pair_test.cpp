#include "model/pair.hpp"

#include <gtest/gtest.h>

#include <string>

#include "model/os_profile.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

struct Row {
    const char* os_release;
    const char* kernel;
    const char* key;
    const char* tag;
};

/// os-release fields -> OS key -> tag -> back, for every profile.
class TagTable : public testing::TestWithParam<Row> {};

TEST_P(TagTable, GoesToTheTagAndBack) {
    const Row& row = GetParam();
    const OsRelease release = OsRelease::parse(row.os_release);
    const std::string key = os_key(profile_for(release.id()), release, row.kernel);
    EXPECT_EQ(key, row.key);
    const Pair pair{DriverId::parse("550.163.01-open"), key};
    EXPECT_EQ(tag_of(pair), row.tag);
    EXPECT_EQ(pair_of_tag(tag_of(pair)), pair);
}

INSTANTIATE_TEST_SUITE_P(
    AllProfiles, TagTable,
    testing::Values(Row{"ID=flatcar\nVERSION_ID=4081.2.1\n", "6.6.60-flatcar", "4081.2.1", "4081.2.1-550.163.01-open"},
                    Row{"ID=coreos\nVERSION_ID=1576.5.0\n", "4.14.11-coreos", "1576.5.0", "1576.5.0-550.163.01-open"},
                    Row{"ID=fedora\nVERSION_ID=43\nOSTREE_VERSION='43.20261101.3.0'\n", "6.17.1-300.fc43.x86_64",
                        "43.20261101.3.0", "43.20261101.3.0-550.163.01-open"},
                    Row{"ID=fedora\nVERSION_ID=43\n", "6.17.1-300.fc43.x86_64", "43-6.17.1-300.fc43.x86_64",
                        "43-6.17.1-300.fc43.x86_64-550.163.01-open"},
                    Row{"ID=\"debian\"\nVERSION_ID=\"12\"\n", "6.12.95+deb12-cloud-amd64",
                        "12-6.12.95+deb12-cloud-amd64", "12-6.12.95_plus_deb12-cloud-amd64-550.163.01-open"},
                    Row{"ID=ubuntu\nVERSION_ID=\"24.04\"\n", "6.8.0-50-generic", "24.04-6.8.0-50-generic",
                        "24.04-6.8.0-50-generic-550.163.01-open"},
                    Row{"ID=opensuse-microos\nVERSION_ID=20261101\n", "6.11.0-1-default", "20261101-6.11.0-1-default",
                        "20261101-6.11.0-1-default-550.163.01-open"},
                    Row{"ID=unheard-of\nVERSION_ID=1~rc1\n", "6.1", "1~rc1-6.1", "1_tilde_rc1-6.1-550.163.01-open"}),
    [](const testing::TestParamInfo<Row>& row) { return "Row" + std::to_string(row.index); });

TEST(PairTest, ATagNeverExceeds128CharactersAndStaysDistinct) {
    const std::string longest(150, 'k');
    const std::string tag = tag_of({DriverId::parse("550.1"), longest + "1"});
    EXPECT_LE(tag.size(), 128U);
    EXPECT_NE(tag, tag_of({DriverId::parse("550.1"), longest + "2"}));
    EXPECT_EQ(pair_of_tag(tag), std::nullopt);
}

TEST(PairTest, ForeignTagsAreNoPairs) {
    for (const char* tag :
         {"latest", "4081.2.1", "sha256-abc.sig", "4081.2.1-latest", "-550.1", "1+2-550.1", "1~2-550.1"}) {
        EXPECT_EQ(pair_of_tag(tag), std::nullopt) << tag;
    }
}

TEST(PairTest, PathGoesBothWaysAndRefusesTraversal) {
    EXPECT_EQ(parse_pair_path("550.1/4081.2.1").path(), "550.1/4081.2.1");
    for (const char* path : {"550.1", "550.1/..", "550.1/a/b", "../550.1", "550.1/"}) {
        EXPECT_THROW(static_cast<void>(parse_pair_path(path)), Error) << path;
    }
}

TEST(PairTest, FillsTheTemplate) {
    EXPECT_EQ(fill_template("docker://r.example/overdrive/nvidia-{os_id}", "flatcar"),
              "docker://r.example/overdrive/nvidia-flatcar");
}

}  // namespace
}  // namespace overdrive
