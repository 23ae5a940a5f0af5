#include "verbs/foreign_units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "verbs/install_units.hpp"
#include "verbs/uninstall.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const std::string kEtc = "etc/systemd/system/";
const std::string kVendor = "usr/lib/systemd/system/";
constexpr const char* kOurs = "[Unit]\n";  // what FakeHost's unit_files writes

/// A host with units of somebody else: in /etc, in /usr, and a link that enables them.
class ForeignUnitsOnAHostTest : public testing::Test {
protected:
    ForeignUnitsOnAHostTest() {
        const TemporaryRoot& files = host_.root_dir;
        files.write(kEtc + "nvidia.service", "of a package");
        files.write(kEtc + "nvidia.service.d/10-both.conf", "in etc");
        files.write(kVendor + "nvidia.service", "of the vendor");
        files.write(kVendor + "nvidia.service.d/10-both.conf", "in usr");
        files.write(kVendor + "nvidia.service.d/20-vendor.conf", "in usr");
        files.write(kVendor + "nvidia.service.d/readme.txt", "not read by systemd");
        root().make_directories("/etc/systemd/system/multi-user.target.wants");
        root().make_link("/etc/systemd/system/multi-user.target.wants/nvidia.service",
                         "/etc/systemd/system/nvidia.service");
        before_ = systemd_files();
    }

    [[nodiscard]] const Root& root() const { return host_.root_dir.root(); }
    [[nodiscard]] std::map<std::string, std::string> systemd_files() const {
        std::map<std::string, std::string> files;
        for (const auto& [name, content] : host_.root_dir.tree()) {
            if (name.find("systemd/system") != std::string::npos) files.emplace(name, content);
        }
        return files;
    }
    bool install(const Config& config = {}) {
        Services services = host_.services();
        Store store{root()};
        store.prepare();
        return install_units(services, store, config, report_);
    }
    void uninstall() {
        Services services = host_.services();
        run_uninstall({}, services, report_);
    }

    FakeHost host_;
    KeptReport report_;
    std::map<std::string, std::string> before_;
};

TEST_F(ForeignUnitsOnAHostTest, LoseTheirSayAndComeBack) {
    install();
    auto files = systemd_files();
    EXPECT_EQ(files.at(kEtc + "nvidia.service"), kOurs);
    EXPECT_EQ(files.at(kEtc + "nvidia.service.overdrive-aside"), "of a package");
    EXPECT_EQ(files.at(kEtc + "nvidia.service.d/10-both.conf"), "-> /dev/null");
    EXPECT_EQ(files.at(kEtc + "nvidia.service.d/10-both.conf.overdrive-aside"), "in etc");
    EXPECT_EQ(files.at(kEtc + "nvidia.service.d/20-vendor.conf"), "-> /dev/null");
    EXPECT_FALSE(files.contains(kEtc + "multi-user.target.wants/nvidia.service"));
    EXPECT_EQ(files.at(kVendor + "nvidia.service.d/20-vendor.conf"), "in usr") << "nothing below /usr is touched";
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("/usr/lib/systemd/system/nvidia.service'")));
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("/etc/systemd/system/nvidia.service.d/10-both.conf'")));
    uninstall();
    EXPECT_EQ(systemd_files(), before_);
}

TEST_F(ForeignUnitsOnAHostTest, ASecondRunChangesNothingAndWarnsOfNothing) {
    install();
    const auto after = systemd_files();
    report_.warnings.clear();
    EXPECT_FALSE(install());
    EXPECT_EQ(systemd_files(), after);
    EXPECT_THAT(report_.warnings, Not(Contains(HasSubstr("somebody else"))));
}

TEST_F(ForeignUnitsOnAHostTest, ARunThatWasCutOffAfterItsRecordIsFinished) {
    install();
    const auto after = systemd_files();
    root().remove(kEtc + "nvidia.service.d/20-vendor.conf");
    root().remove(kEtc + "nvidia.service.d/10-both.conf");
    for (const char* name : {"nvidia.service", "nvidia.service.d/10-both.conf"})
        root().rename(kEtc + name + std::string{kAsideSuffix}, kEtc + name);
    install();
    EXPECT_EQ(systemd_files(), after);
    uninstall();
    EXPECT_EQ(systemd_files(), before_);
}

TEST_F(ForeignUnitsOnAHostTest, WhatTheirOwnerChangedSinceStaysChanged) {
    install();
    host_.root_dir.write(kEtc + "nvidia.service.overdrive-aside", "of a newer package");
    uninstall();
    before_[kEtc + "nvidia.service"] = "of a newer package";
    EXPECT_EQ(systemd_files(), before_);
}

TEST_F(ForeignUnitsOnAHostTest, AnUninstallThatWasCutOffWhileItPutThemBackIsFinished) {
    install();
    root().remove(kEtc + "nvidia.service");
    root().rename(kEtc + "nvidia.service.overdrive-aside", kEtc + "nvidia.service");
    uninstall();
    EXPECT_EQ(systemd_files(), before_);
    EXPECT_THAT(report_.warnings, Not(Contains(HasSubstr("was edited"))));
}

TEST_F(ForeignUnitsOnAHostTest, AMaskThatTheOperatorReplacedStaysAndIsNamed) {
    install();
    root().remove(kEtc + "nvidia.service.d/20-vendor.conf");
    host_.root_dir.write(kEtc + "nvidia.service.d/20-vendor.conf", "of the operator");
    uninstall();
    before_[kEtc + "nvidia.service.d/20-vendor.conf"] = "of the operator";
    EXPECT_EQ(systemd_files(), before_);
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("20-vendor.conf' was edited")));
}

TEST_F(ForeignUnitsOnAHostTest, ADropInThatCameInTheirPlaceIsKeptBesideThem) {
    install();
    root().remove(kEtc + "nvidia.service.d/10-both.conf");
    host_.root_dir.write(kEtc + "nvidia.service.d/10-both.conf", "of the operator");
    uninstall();
    EXPECT_EQ(systemd_files().at(kEtc + "nvidia.service.d/10-both.conf"), "of the operator");
    EXPECT_EQ(systemd_files().at(kEtc + "nvidia.service.d/10-both.conf.overdrive-aside"), "in etc");
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("10-both.conf.overdrive-aside")));
}

TEST_F(ForeignUnitsOnAHostTest, AreRefusedAllByNameWhereThePolicySaysSo) {
    Config config;
    config.foreign_units = ForeignUnits::refuse;
    try {
        install(config);
        FAIL() << "not refused";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::service_manager);
        EXPECT_THAT(error.what(), HasSubstr("'/etc/systemd/system/nvidia.service'"));
        EXPECT_THAT(error.what(), HasSubstr("'/usr/lib/systemd/system/nvidia.service.d/20-vendor.conf'"));
    }
    EXPECT_EQ(systemd_files(), before_);
}

TEST_F(ForeignUnitsOnAHostTest, AFileOfOursThatWasEditedIsStillRefused) {
    install();
    host_.root_dir.write(kEtc + "nvidia.service", "edited");
    try {
        install();
        FAIL() << "not refused";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("was edited since"));
    }
    EXPECT_EQ(systemd_files().at(kEtc + "nvidia.service"), "edited");
}

TEST_F(ForeignUnitsOnAHostTest, TheRecordTellsThemToStatus) {
    install();
    const Record record = Store{root()}.load_record().value();
    const auto present = present_foreign_units(root(), record);
    EXPECT_THAT(present, Contains(ForeignUnit{"/etc/systemd/system/nvidia.service", ForeignUnit::Action::aside}));
    root().remove(kVendor + "nvidia.service");  // an OS update without it
    EXPECT_THAT(present_foreign_units(root(), record),
                Not(Contains(ForeignUnit{"/usr/lib/systemd/system/nvidia.service", ForeignUnit::Action::shadow})));
    EXPECT_EQ(foreign_units_json(present).front()["action"], "aside");
}

}  // namespace
}  // namespace overdrive
