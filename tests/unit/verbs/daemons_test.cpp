#include "verbs/daemons.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"
#include "verbs/status.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPersistenceUnit = "nvidia-persistenced.service";
constexpr const char* kFabricUnit = "nvidia-fabricmanager.service";
const std::string kToldFabric = "run/overdrive/daemons/nvidia-fabricmanager";

/// A host with NVSwitches and drivers that bring persistenced and the fabric manager.
class DaemonsTest : public testing::Test {
protected:
    DaemonsTest() { fabric_.switches = {"0000:05:00.0"}; }

    void install(const std::string& driver, const std::string& fabric_manager) {
        DriverManifest manifest = small_manifest(driver);
        manifest.daemons = {{"nvidia-persistenced", "bin/nvidia-persistenced", "1", ""},
                            {"nvidia-fabricmanager", "bin/nv-fabricmanager", fabric_manager, ""}};
        install_small_driver(host_.root_dir.root(), manifest);
    }
    Services services() {
        Services services = host_.services();
        services.read_fabric_facts = [this] { return fabric_; };
        return services;
    }
    ExitCode activate(const std::string& driver) {
        Services with = services();
        ActivateOptions options;
        options.overrides.driver = driver;
        return run_activate(options, with, report_);
    }
    nlohmann::ordered_json status() {
        Services with = services();
        run_status({}, with, report_);
        return report_.json;
    }

    FakeHost host_;
    KeptReport report_;
    FabricFacts fabric_;
};

TEST_F(DaemonsTest, TheUnitsOfPlannedDaemonsAreToldToRunAndNoOthers) {
    install("550.1.1", "550.1.1");
    host_.root_dir.write("run/overdrive/daemons/nvidia-imex", "");
    EXPECT_EQ(activate("550.1.1"), ExitCode::ok);
    EXPECT_EQ(host_.root_dir.root().read_file(kToldFabric), "FABRIC_ARGUMENTS=\n");
    EXPECT_THAT(host_.root_dir.root().list("run/overdrive/daemons"),
                ElementsAre("nvidia-fabricmanager", "nvidia-persistenced"));
    EXPECT_EQ(status()["state"], "ready");
}

TEST_F(DaemonsTest, ASkewedFabricManagerDoesNotRunAndTheNodeSaysBothVersions) {
    install("550.1.1", "550.1.2");
    EXPECT_EQ(activate("550.1.1"), ExitCode::ok) << "the driver itself works";
    EXPECT_FALSE(host_.root_dir.root().exists(kToldFabric));
    EXPECT_THAT(report_.warnings, Contains(testing::AllOf(HasSubstr("550.1.2"), HasSubstr("550.1.1"))));
    const auto told = status();
    EXPECT_EQ(told["state"], "degraded");
    EXPECT_EQ(told["because"], "daemons");
    EXPECT_TRUE(host_.root_dir.root().exists("run/overdrive/ready"));
    EXPECT_EQ(activate("550.1.1"), ExitCode::ok);
    EXPECT_EQ(report_.json["result"], "nothing-to-do");
}

TEST_F(DaemonsTest, AfterASwapAllThatAreToRunWithTheNewDriverAreStarted) {
    install("535.1.1", "535.1.1");
    install("550.1.1", "550.1.1");
    activate("535.1.1");
    host_.units.become_active(kPersistenceUnit);
    host_.units.become_active("nvidia-dcgm.service");
    host_.timeline.clear();
    EXPECT_EQ(activate("550.1.1"), ExitCode::ok);
    EXPECT_THAT(host_.units.active,
                testing::UnorderedElementsAre(kPersistenceUnit, kFabricUnit, "nvidia-dcgm.service"));
    EXPECT_FALSE(host_.root_dir.root().exists("run/overdrive/stopped-daemons"));
}

TEST_F(DaemonsTest, ARunThatWasCutOffLeavesTheNamesOfWhatItHadStopped) {
    note_stopped_daemons(host_.root_dir.root(), {"nvidia-dcgm.service", kPersistenceUnit});
    EXPECT_THAT(stopped_daemons(host_.root_dir.root()), ElementsAre("nvidia-dcgm.service", kPersistenceUnit));
    forget_stopped_daemons(host_.root_dir.root());
    EXPECT_THAT(stopped_daemons(host_.root_dir.root()), testing::IsEmpty());
}

TEST_F(DaemonsTest, OnlyTheUnitsOfDaemonsThatADriverBringsAreOurs) {
    const Store store{host_.root_dir.root()};
    EXPECT_THAT(units_without_daemon(store), ElementsAre(kFabricUnit, "nvidia-imex.service", "nvidia-nvlsm.service"));
    install("550.1.1", "550.1.1");
    EXPECT_THAT(units_without_daemon(store), ElementsAre("nvidia-imex.service", "nvidia-nvlsm.service"));
}

}  // namespace
}  // namespace overdrive
