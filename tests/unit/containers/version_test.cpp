#include "cdi/version.hpp"

#include <gtest/gtest.h>

#include "spec_samples.hpp"

namespace overdrive {
namespace {

std::string needs(const std::string& text) { return to_text(minimum_cdi_version(spec_of(text))); }

TEST(CdiVersionTest, IsReadWithAndWithoutWhatFollows) {
    EXPECT_EQ(parse_cdi_version("4.9"), (CdiVersion{4, 9, 0}));
    EXPECT_EQ(parse_cdi_version("v1.7.24~ds1-6"), (CdiVersion{1, 7, 24}));
    EXPECT_EQ(parse_cdi_version("29"), (CdiVersion{29, 0, 0}));
    EXPECT_EQ(parse_cdi_version("latest"), std::nullopt);
    EXPECT_EQ(parse_cdi_version(""), std::nullopt);
    EXPECT_LT((CdiVersion{0, 10, 0}), (CdiVersion{1, 0, 0}));
    EXPECT_LT((CdiVersion{1, 7, 9}), (CdiVersion{1, 7, 10}));
}

TEST(CdiVersionTest, OnlyPublishedVersionsAreKnown) {
    for (const char* version : {"0.1.0", "0.5.0", "0.8.0", "1.0.0", "1.1.0", "v0.6.0"})
        EXPECT_TRUE(is_known_cdi_version(version)) << version;
    for (const char* version : {"", "0.9.0", "1.2.0", "0.5", "0.5.0-rc1", "newest", "00.5.0"})
        EXPECT_FALSE(is_known_cdi_version(version)) << version;
}

TEST(CdiVersionTest, WithoutAnythingSpecialTheOldestIsEnough) {
    EXPECT_EQ(needs("{}"), "0.3.0");
    EXPECT_EQ(needs(kSmallSpec), "0.3.0");
    EXPECT_EQ(needs("containerEdits: {deviceNodes: [{path: /dev/x, type: c, major: 1, uid: 5}]}"), "0.3.0");
}

TEST(CdiVersionTest, EachFeatureNeedsItsVersionInTheWholeAndInADevice) {
    const std::vector<std::pair<std::string, std::string>> edits{
        {"{mounts: [{type: tmpfs}]}", "0.4.0"},
        {"{deviceNodes: [{path: /dev/a, hostPath: /dev/b}]}", "0.5.0"},
        {"{additionalGids: [44]}", "0.7.0"},
        {"{intelRdt: {}}", "0.7.0"},
        {"{intelRdt: {closID: guaranteed}}", "0.7.0"},
        {"{intelRdt: {schemata: ['L3:0=f']}}", "1.1.0"},
        {"{intelRdt: {enableMonitoring: true}}", "1.1.0"},
        {"{intelRdt: {enableMonitoring: false}}", "0.7.0"},
        {"{netDevices: [{}]}", "1.1.0"},
    };
    for (const auto& [text, version] : edits) {
        EXPECT_EQ(needs("containerEdits: " + text), version) << text;
        EXPECT_EQ(needs("devices: [{name: x, containerEdits: " + text + "}]"), version) << text;
    }
}

TEST(CdiVersionTest, NamesAndAnnotationsNeedTheirVersionToo) {
    EXPECT_EQ(needs("devices: [{name: '0'}]"), "0.5.0");
    EXPECT_EQ(needs("devices: [{name: x0}]"), "0.3.0");
    EXPECT_EQ(needs("kind: example.com/a.b"), "0.6.0");
    EXPECT_EQ(needs("kind: a.b"), "0.3.0") << "without vendor it is no class";
    EXPECT_EQ(needs("annotations: {k: v}"), "0.6.0");
    EXPECT_EQ(needs("devices: [{name: x, annotations: {k: v}}]"), "0.6.0");
    EXPECT_EQ(needs("annotations: {}"), "0.3.0");
}

TEST(CdiVersionTest, TheNewestFeatureDecides) {
    EXPECT_EQ(needs("annotations: {k: v}\ndevices: [{name: '0', containerEdits: {additionalGids: [1]}}]\n"
                    "containerEdits: {mounts: [{type: bind}]}"),
              "0.7.0");
}

}  // namespace
}  // namespace overdrive
