// F15: a container that cannot reach systemd does what it can and names the command for the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/install.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

TEST(UnreachableSystemdTest, AContainerLeavesTheRestToTheHost) {
    FakeHost host;
    const DriverManifest manifest = small_manifest("550.1.1");
    const Pair pair = install_small_driver(host.root_dir.root(), manifest);
    const TemporaryRoot image;
    image.write("driver.json", manifest.to_json());
    host.root_dir.write("opt/overdrive/0.1.0/bin/overdrive", "the program of an earlier run");
    host.units.is_reachable = false;
    Services services = host.services();
    services.program.in_container = true;
    services.program.image_directory = image.path();
    KeptReport report;

    EXPECT_EQ(run_install({}, services, report), ExitCode::at_reboot);
    EXPECT_EQ(report.json["host_command"], "/opt/overdrive/current/bin/overdrive install 550.1.1 --staged -");
    EXPECT_THAT(report.text, HasSubstr("run this on the host"));
    const Record record = Store{host.root_dir.root()}.load_record().value();
    EXPECT_EQ(record.desired, pair);
    EXPECT_EQ(host.units.transient, std::nullopt) << "nobody would run it";
}

}  // namespace
}  // namespace overdrive
