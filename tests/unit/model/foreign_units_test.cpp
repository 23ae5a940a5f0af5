#include "model/foreign_units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

using Action = ForeignUnit::Action;
using Kind = FoundUnitFile::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kUnit = "nvidia.service";
const std::string kEtc = "/etc/systemd/system/";
const std::string kVendor = "/usr/lib/systemd/system/";

FoundUnitFile fragment(const std::string& directory) { return {kUnit, directory + kUnit, Kind::fragment}; }
FoundUnitFile drop_in(const std::string& directory, const std::string& name) {
    return {kUnit, directory + kUnit + ".d/" + name, Kind::drop_in};
}

TEST(ForeignUnitsTest, AVendorsUnitIsShadowedAndItsDropInIsMasked) {
    EXPECT_THAT(plan_foreign_units({fragment(kVendor), drop_in(kVendor, "10-helper.conf")}, {}, {}),
                ElementsAre(ForeignUnit{kVendor + "nvidia.service", Action::shadow},
                            ForeignUnit{kVendor + "nvidia.service.d/10-helper.conf", Action::mask}));
}

TEST(ForeignUnitsTest, WhatWasInEtcBeforeOurUnitIsPutAside) {
    EXPECT_THAT(plan_foreign_units({fragment(kEtc), drop_in(kEtc, "a.conf"), drop_in("/run/systemd/system/", "b.conf")},
                                   {}, {}),
                ElementsAre(ForeignUnit{kEtc + "nvidia.service", Action::aside},
                            ForeignUnit{kEtc + "nvidia.service.d/a.conf", Action::aside},
                            ForeignUnit{"/run/systemd/system/nvidia.service.d/b.conf", Action::mask}));
}

TEST(ForeignUnitsTest, ADropInThatAnOperatorWritesForOurUnitStays) {
    EXPECT_THAT(plan_foreign_units({fragment(kEtc), drop_in(kEtc, "a.conf"), drop_in("/run/systemd/system/", "b.conf")},
                                   {kEtc + kUnit}, {kUnit}),
                IsEmpty());
}

TEST(ForeignUnitsTest, AVendorsDropInThatComesLaterIsMaskedAllTheSame) {
    EXPECT_THAT(plan_foreign_units({drop_in(kVendor, "new.conf")}, {kEtc + kUnit}, {kUnit}),
                ElementsAre(ForeignUnit{kVendor + "nvidia.service.d/new.conf", Action::mask}));
}

TEST(ForeignUnitsTest, AnOperatorsDropInOfTheSameNameNeedsNoMaskBesideIt) {
    EXPECT_THAT(plan_foreign_units({drop_in(kEtc, "same.conf"), drop_in(kVendor, "same.conf")}, {}, {kUnit}),
                IsEmpty());
}

TEST(ForeignUnitsTest, OneThatIsPutAsideLeavesItsPlaceToTheMask) {
    EXPECT_THAT(plan_foreign_units({drop_in(kEtc, "same.conf"), drop_in(kVendor, "same.conf")}, {}, {}),
                ElementsAre(ForeignUnit{kEtc + "nvidia.service.d/same.conf", Action::aside},
                            ForeignUnit{kVendor + "nvidia.service.d/same.conf", Action::mask}));
}

TEST(ForeignUnitsTest, OurOwnFilesAndMasksAreNotForeign) {
    EXPECT_THAT(plan_foreign_units({fragment(kEtc), drop_in(kEtc, "10.conf"), drop_in(kVendor, "10.conf")},
                                   {kEtc + kUnit, kEtc + kUnit + ".d/10.conf"}, {}),
                IsEmpty());
}

TEST(ForeignUnitsTest, ALinkThatEnabledAnotherUnitOfTheNameGoesAndOursStays) {
    const FoundUnitFile link{kUnit, kEtc + "multi-user.target.wants/" + kUnit, Kind::enablement};
    EXPECT_THAT(plan_foreign_units({link}, {}, {}), ElementsAre(ForeignUnit{link.path, Action::unlink}));
    EXPECT_THAT(plan_foreign_units({link}, {}, {kUnit}), IsEmpty());
}

TEST(ForeignUnitsTest, AMaskHasTheNameOfWhatItMasks) {
    EXPECT_EQ(mask_path("/usr/local/lib/systemd/system/nvidia.service.d/10-x.conf"),
              "/etc/systemd/system/nvidia.service.d/10-x.conf");
    EXPECT_EQ(mask_path("/usr/lib/systemd/system/nvidia-cdi-refresh.path"),
              "/etc/systemd/system/nvidia-cdi-refresh.path");
}

TEST(ForeignUnitsTest, EveryActionIsToldByName) {
    for (const Action action : {Action::shadow, Action::mask, Action::aside, Action::unlink}) {
        EXPECT_EQ(parse_foreign_action(to_string(action)), action);
        EXPECT_THAT(to_text({kEtc + "nvidia.service.d/x.conf", action}), HasSubstr("nvidia.service.d/x.conf"));
    }
    EXPECT_EQ(parse_foreign_action("remove"), std::nullopt);
}

}  // namespace
}  // namespace overdrive
