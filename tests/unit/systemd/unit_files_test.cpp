#include "systemd/unit_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "model/daemon_plan.hpp"
#include "support/error.hpp"
#include "systemd/unit_texts.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string content_of(const std::vector<UnitFile>& files, const std::string& path) {
    const auto found = std::ranges::find(files, path, &UnitFile::path);
    return found == files.end() ? "(no " + path + ")" : found->content;
}

/// The values of one setting, over all lines that have it.
std::vector<std::string> values_of(const std::string& unit, const std::string& setting) {
    std::vector<std::string> values;
    std::istringstream lines{unit};
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(setting + "=")) continue;
        std::istringstream words{line.substr(setting.size() + 1)};
        for (std::string word; words >> word;) values.push_back(word);
    }
    return values;
}

std::string unit(const std::string& name) { return content_of(unit_files({}), "/etc/systemd/system/" + name); }
std::string drop_in(const std::string& name) { return unit(name + ".d/50-overdrive.conf"); }

Errc refusal_of(const UnitOptions& options) {
    try {
        static_cast<void>(unit_files(options));
    } catch (const Error& error) {
        return error.code();
    }
    ADD_FAILURE() << "not refused";
    return Errc::io;
}

TEST(UnitFilesTest, AreThoseOfTheGoldenFile) {
    std::string all;
    for (const UnitFile& file : unit_files({})) all += "==== " + file.path + "\n" + file.content;
    UnitOptions debian;
    debian.pending = PendingSource::boot_kernel;
    UnitOptions flatcar;
    flatcar.pending = PendingSource::update_engine;
    for (const UnitOptions& options : {debian, flatcar}) {
        for (const UnitFile& file : unit_files(options)) {
            const std::string text = "==== " + file.path + "\n" + file.content;
            if (all.find(text) == std::string::npos) all += text;
        }
    }
    if (std::getenv("OVERDRIVE_UPDATE_GOLDEN") != nullptr) std::ofstream{GOLDEN_FILE} << all;
    std::ostringstream golden;
    golden << std::ifstream{GOLDEN_FILE}.rdbuf();
    EXPECT_EQ(all, golden.str()) << "if this is meant, run the test with OVERDRIVE_UPDATE_GOLDEN=1 and commit the file";
}

TEST(UnitFilesTest, TheDriverWaitsForNoNetwork) {
    const std::string service = unit("nvidia.service");
    for (const char* setting : {"After", "Wants", "Requires", "BindsTo", "Requisite"}) {
        for (const std::string& value : values_of(service, setting)) EXPECT_THAT(value, Not(HasSubstr("network")));
    }
}

TEST(UnitFilesTest, TheDriverComesBeforeEveryConsumer) {
    const auto before = values_of(unit("nvidia.service"), "Before");
    for (const Consumer& consumer : kConsumers) {
        EXPECT_THAT(before, Contains(consumer.unit));
        const std::string text = drop_in(std::string{consumer.unit});
        EXPECT_THAT(values_of(text, "After"), Contains("nvidia.service")) << consumer.unit;
        EXPECT_THAT(values_of(text, "Wants"), Contains("nvidia.service")) << consumer.unit;
        EXPECT_THAT(values_of(text, "Requires"), testing::IsEmpty()) << consumer.unit;
    }
}

TEST(UnitFilesTest, OnlyKubeletsWaitForADriverThatIsStillBeingFetched) {
    const auto before = values_of(unit("nvidia-wait.service"), "Before");
    for (const Consumer& consumer : kConsumers) {
        const auto after = values_of(drop_in(std::string{consumer.unit}), "After");
        EXPECT_EQ(std::ranges::count(after, "nvidia-wait.service"), consumer.kubelet ? 1 : 0) << consumer.unit;
        EXPECT_EQ(std::ranges::count(before, consumer.unit), consumer.kubelet ? 1 : 0) << consumer.unit;
    }
}

TEST(UnitFilesTest, SystemdOutwaitsTheWait) {
    UnitOptions options;
    options.kubelet_wait = std::chrono::seconds{300};
    const std::string wait = content_of(unit_files(options), "/etc/systemd/system/nvidia-wait.service");
    EXPECT_THAT(wait, HasSubstr("wait --for driver --timeout 300\n"));
    EXPECT_THAT(wait, HasSubstr("TimeoutStartSec=330s\n"));
}

TEST(UnitFilesTest, AConsumerStartsWithoutTheDriverUnlessTheModeIsStrict) {
    UnitOptions options;
    options.strict = true;
    const std::string kubelet =
        content_of(unit_files(options), "/etc/systemd/system/kubelet.service.d/50-overdrive.conf");
    EXPECT_THAT(values_of(kubelet, "Requires"), testing::ElementsAre("nvidia.service"));
    EXPECT_THAT(values_of(kubelet, "Wants"), testing::ElementsAre("nvidia-wait.service"));
}

TEST(UnitFilesTest, NothingWaitsForTheUpdate) {
    for (const UnitFile& file : unit_files({})) {
        if (file.path.ends_with("/nvidia-update.timer")) continue;
        for (const char* setting : {"After", "Requires", "Wants", "BindsTo"}) {
            for (const std::string& value : values_of(file.content, setting))
                EXPECT_THAT(value, Not(HasSubstr("nvidia-update"))) << file.path;
        }
    }
    const std::string update = unit("nvidia-update.service");
    EXPECT_THAT(values_of(update, "Before"), testing::ElementsAre("shutdown.target"));
    EXPECT_THAT(update, HasSubstr("DefaultDependencies=no\n"));  // else multi-user.target waits for it
}

TEST(UnitFilesTest, NoCommandNeedsAShellOrASearchPath) {
    for (const UnitFile& file : unit_files({})) {
        for (const char* setting : {"ExecStart", "ExecStop", "ExecReload", "ExecStartPre"}) {
            const auto words = values_of(file.content, setting);
            if (words.empty()) continue;
            const std::string program = words.front().starts_with("-") ? words.front().substr(1) : words.front();
            EXPECT_TRUE(program.starts_with("/")) << file.path << ": " << words.front();
        }
    }
}

TEST(UnitFilesTest, ADriverPlacedElsewhereIsFoundThere) {
    UnitOptions options;
    options.install_root = "/var/lib/nvidia";
    options.program_root = "/var/lib/overdrive";
    options.mounts = {"/var/lib/nvidia", "/var/lib/overdrive"};
    for (const UnitFile& file : unit_files(options)) EXPECT_THAT(file.content, Not(HasSubstr("/opt/"))) << file.path;
}

TEST(UnitFilesTest, StrictModeIsAskedForInTheConfiguration) {
    const Root root{"/"};
    Config config;
    EXPECT_FALSE(unit_options(root, config, PendingSource::none).strict);
    config.strict = true;
    EXPECT_TRUE(unit_options(root, config, PendingSource::none).strict);
}

TEST(UnitFilesTest, EveryDaemonComesAfterTheDriverAndRunsOnlyWhenItIsTold) {
    for (const KnownDaemon& daemon : kKnownDaemons) {
        const std::string text = unit(std::string{daemon.unit});
        EXPECT_THAT(values_of(text, "After"), Contains("nvidia.service")) << daemon.unit;
        EXPECT_THAT(values_of(text, "PartOf"), Contains("nvidia.service")) << daemon.unit;
        EXPECT_THAT(text, HasSubstr("/opt/nvidia/current/" + std::string{daemon.program})) << daemon.unit;
        EXPECT_THAT(text, HasSubstr("\nTimeoutStartSec=")) << daemon.unit;
        if (daemon.name == kPersistenced) continue;
        EXPECT_THAT(text, HasSubstr("\nConditionPathExists=/run/overdrive/daemons/" + std::string{daemon.name}));
        EXPECT_THAT(values_of(unit("nvidia.service.d/" + std::string{daemon.unit} + ".conf"), "Wants"),
                    testing::ElementsAre(daemon.unit));
    }
}

TEST(UnitFilesTest, AConsumerWaitsForTheFabricAndForNoOtherNode) {
    for (const Consumer& consumer : kConsumers) {
        EXPECT_THAT(values_of(unit("nvidia-fabricmanager.service"), "Before"), Contains(consumer.unit));
        EXPECT_THAT(values_of(unit("nvidia-imex.service"), "Before"), Not(Contains(consumer.unit)));
    }
}

TEST(UnitFilesTest, AMergeOfExtensionsIsRepairedAndRestartsNothing) {
    EXPECT_THAT(unit("systemd-sysext.service.d/50-overdrive.conf"),
                HasSubstr("ExecStartPost=-/opt/overdrive/current/bin/overdrive activate --repair\n"));
    EXPECT_THAT(values_of(unit("nvidia.service"), "PartOf"), testing::IsEmpty());
    EXPECT_THAT(values_of(unit("nvidia.service"), "ReloadPropagatedFrom"), Contains("systemd-sysext.service"));
}

TEST(UnitFilesTest, AUnitOfTheConfigurationIsOrderedAfterTheDriver) {
    UnitOptions options;
    options.before = {"slurmd.service", "kubelet.service"};
    const auto files = unit_files(options);
    EXPECT_THAT(values_of(content_of(files, "/etc/systemd/system/nvidia.service"), "Before"),
                Contains("slurmd.service"));
    EXPECT_THAT(content_of(files, "/etc/systemd/system/slurmd.service.d/50-overdrive.conf"), HasSubstr("After=nvidia"));
    const auto kubelets = std::ranges::count(
        files, std::string{"/etc/systemd/system/kubelet.service.d/50-overdrive.conf"}, &UnitFile::path);
    EXPECT_EQ(kubelets, 1);
}

TEST(UnitFilesTest, RefusesWhatIsNoServiceUnit) {
    for (const char* name : {"kubelet", "", ".service", "../evil.service", "a b.service", "x\n[Service].service",
                             "%n.service", "foo@.service", "network.target", "nvidia-update.service"}) {
        UnitOptions options;
        options.before = {name};
        EXPECT_EQ(refusal_of(options), Errc::config) << name;
    }
}

TEST(UnitFilesTest, RefusesPathsThatSystemdWouldExpandOrSplit) {
    for (const char* path : {"relative", "", "/with space", "/per%cent", "/new\nline", "/dollar$HOME", "/quo\"te"}) {
        UnitOptions options;
        options.program_root = path;
        EXPECT_EQ(refusal_of(options), Errc::config) << path;
        UnitOptions moved;
        moved.mounts = {path};
        EXPECT_EQ(refusal_of(moved), Errc::config) << path;
    }
}

TEST(UnitFilesTest, EnabledUnitsAreWrittenAndCanBeEnabled) {
    for (const PendingSource source : {PendingSource::none, PendingSource::update_engine, PendingSource::ostree,
                                       PendingSource::snapshot, PendingSource::boot_kernel}) {
        UnitOptions options;
        options.pending = source;
        const auto files = unit_files(options);
        for (const std::string& name : enabled_units(source))
            EXPECT_THAT(content_of(files, "/etc/systemd/system/" + name), HasSubstr("\nWantedBy=")) << name;
    }
}

TEST(UnitFilesTest, WhatStartsAStagingDependsOnWhoKnowsThePendingOs) {
    const auto staging = [](PendingSource source) {
        std::vector<std::string> units = enabled_units(source);
        std::erase_if(units, [](const std::string& name) { return !name.starts_with("nvidia-stage"); });
        return units;
    };
    EXPECT_THAT(staging(PendingSource::none), testing::IsEmpty());
    EXPECT_THAT(staging(PendingSource::update_engine),
                testing::ElementsAre("nvidia-stage.timer", "nvidia-stage-watch.service"));
    for (const PendingSource source : {PendingSource::ostree, PendingSource::snapshot, PendingSource::boot_kernel})
        EXPECT_THAT(staging(source), testing::ElementsAre("nvidia-stage.timer", "nvidia-stage.path"));
    UnitOptions options;
    options.pending = PendingSource::ostree;
    EXPECT_THAT(values_of(content_of(unit_files(options), "/etc/systemd/system/nvidia-stage.path"), "PathChanged"),
                testing::ElementsAre("/run/ostree/staged-deployment"));
    options.pending = PendingSource::none;
    for (const UnitFile& file : unit_files(options)) EXPECT_THAT(file.path, Not(HasSubstr("nvidia-stage")));
}

TEST(UnitFilesTest, NothingWaitsForAStagingOrTheGate) {
    UnitOptions options;
    options.pending = PendingSource::boot_kernel;
    for (const UnitFile& file : unit_files(options)) {
        for (const char* setting : {"After", "Requires", "Wants", "BindsTo"}) {
            for (const std::string& value : values_of(file.content, setting)) {
                EXPECT_THAT(value, Not(HasSubstr("nvidia-stage"))) << file.path;
                EXPECT_THAT(value, Not(HasSubstr("nvidia-gate"))) << file.path;
            }
        }
    }
    const std::string stage = content_of(unit_files(options), "/etc/systemd/system/nvidia-stage.service");
    EXPECT_THAT(values_of(stage, "Before"), testing::ElementsAre("shutdown.target"));
    EXPECT_THAT(values_of(stage, "After"), Contains("network-online.target"));
    EXPECT_THAT(stage, HasSubstr("DefaultDependencies=no\n"));
}

TEST(UnitTextsTest, AnUnknownTemplateIsABug) { EXPECT_THROW(static_cast<void>(unit_text("none")), std::logic_error); }

/// A host tree in a temporary directory.
class UnitOptionsTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "unit-options-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        host_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(host_); }

    std::filesystem::path host_;
};

TEST_F(UnitOptionsTest, MountsAreWhereTheLinksLead) {
    std::filesystem::create_directories(host_ / "var/opt/nvidia");
    std::filesystem::create_directory_symlink("/var/opt", host_ / "opt");
    const UnitOptions options = unit_options(Root{host_.string()}, Config{}, PendingSource::none);
    EXPECT_THAT(options.mounts, testing::ElementsAre("/var/opt/nvidia", "/opt/overdrive"));
    EXPECT_EQ(options.install_root, "/opt/nvidia");
}

TEST_F(UnitOptionsTest, TheConfigurationDecidesTheWaitAndTheUnits) {
    Config config;
    config.kubelet_wait = std::chrono::seconds{7};
    config.before = {"slurmd.service"};
    const UnitOptions options = unit_options(Root{host_.string()}, config, PendingSource::none);
    EXPECT_EQ(options.kubelet_wait, std::chrono::seconds{7});
    EXPECT_EQ(options.before, config.before);
}

}  // namespace
}  // namespace overdrive
