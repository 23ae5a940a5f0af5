#include "cdi/annotations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CdiAnnotationsTest, TheKeyNamesPluginAndDevice) {
    EXPECT_EQ(cdi_annotation_key("nvidia.gpu", "GPU-1"), "cdi.k8s.io/nvidia.gpu_GPU-1");
    EXPECT_EQ(cdi_annotation_key("v.c", "a/b/c"), "cdi.k8s.io/v.c_a_b_c");
    EXPECT_EQ(cdi_annotation_key(std::string(31, 'p'), std::string(31, 'd')).size(), 11U + 63U);
}

TEST(CdiAnnotationsTest, RefusesWhatIsNoNameOfAnAnnotation) {
    const std::vector<std::pair<std::string, std::string>> bad{{"", "d"},
                                                               {"p", ""},
                                                               {"-p", "d"},
                                                               {"p", "d_"},
                                                               {"p", "d e"},
                                                               {"p!", "d"},
                                                               {std::string(32, 'p'), std::string(31, 'd')}};
    for (const auto& [plugin, device] : bad)
        EXPECT_THROW(static_cast<void>(cdi_annotation_key(plugin, device)), Error) << plugin << " " << device;
}

TEST(CdiAnnotationsTest, WhatIsAddedIsReadBack) {
    std::map<std::string, std::string> annotations{{"example.com/other", "not, a, device"}};
    add_cdi_annotation(annotations, "v1.c", "one", {"v1.com/c=a", "v1.com/c=b"});
    add_cdi_annotation(annotations, "v2.c", "two", {"v2.com/c=0"});
    EXPECT_EQ(annotations.at("cdi.k8s.io/v1.c_one"), "v1.com/c=a,v1.com/c=b");
    EXPECT_THAT(devices_in_annotations(annotations), ElementsAre("v1.com/c=a", "v1.com/c=b", "v2.com/c=0"));
}

TEST(CdiAnnotationsTest, ARefusedRequestAddsNothing) {
    std::map<std::string, std::string> annotations;
    EXPECT_THROW(add_cdi_annotation(annotations, "v.c", "one", {"v.com/c=a", "/dev/null"}), Error);
    EXPECT_THAT(annotations, IsEmpty());
    add_cdi_annotation(annotations, "v.c", "one", {"v.com/c=a"});
    EXPECT_THROW(add_cdi_annotation(annotations, "v.c", "one", {"v.com/c=b"}), Error);
    EXPECT_EQ(annotations.at("cdi.k8s.io/v.c_one"), "v.com/c=a");
}

TEST(CdiAnnotationsTest, OneBadNameSpoilsTheWholeRequest) {
    EXPECT_THROW(static_cast<void>(devices_in_annotations({{"cdi.k8s.io/a_b", "v.com/c=a,/dev/null"}})), Error);
    EXPECT_THROW(static_cast<void>(devices_in_annotations({{"cdi.k8s.io/a_b", ""}})), Error);
}

}  // namespace
}  // namespace overdrive
