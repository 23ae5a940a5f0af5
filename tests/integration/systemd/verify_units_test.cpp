#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "model/daemon_plan.hpp"
#include "private_bus.hpp"
#include "support/release_with.hpp"
#include "systemd/unit_files.hpp"

namespace overdrive {
namespace {

struct Verdict {
    int status = -1;
    std::string output;
};

/// Our unit files and stand-ins for the consumers in a directory, judged by systemd's own parser.
class VerifyUnitsTest : public testing::Test {
protected:
    void write(const std::string& path, const std::string& content) const {
        const std::filesystem::path file = host_.path() / path.substr(1);
        std::filesystem::create_directories(file.parent_path());
        std::ofstream{file} << content;
    }
    void write_program(const std::string& path) const {
        write(path, "#!/bin/sh\n");
        std::filesystem::permissions(host_.path() / path.substr(1), std::filesystem::perms::owner_all);
    }

    /// Programs must be found where the units say, so the units say a place in our directory.
    [[nodiscard]] UnitOptions options() const {
        UnitOptions options;
        options.install_root = (host_.path() / "opt/nvidia").string();
        options.program_root = (host_.path() / "opt/overdrive").string();
        options.mounts = {options.install_root, options.program_root};
        return options;
    }

    void install(const UnitOptions& options) const {
        for (const UnitFile& file : unit_files(options)) write(file.path, file.content);
        write_program("/opt/overdrive/current/bin/overdrive");
        for (const KnownDaemon& daemon : kKnownDaemons)
            write_program("/opt/nvidia/current/" + std::string{daemon.program});
        for (const Consumer& consumer : kConsumers) {
            write("/etc/systemd/system/" + std::string{consumer.unit},
                  "[Unit]\nAfter=network-online.target\nWants=network-online.target\n[Service]\nExecStart=/bin/true\n"
                  "[Install]\nWantedBy=multi-user.target\n");
        }
    }

    [[nodiscard]] Verdict verify() const {
        const std::string directory = (host_.path() / "etc/systemd/system").string();
        std::string command = "SYSTEMD_UNIT_PATH=" + directory + ": systemd-analyze verify --man=no --generators=no";
        for (const char* unit :
             {"nvidia.service", "nvidia-persistenced.service", "nvidia-update.service", "nvidia-update.timer",
              "nvidia-wait.service", "nvidia-nvlsm.service", "nvidia-fabricmanager.service", "nvidia-imex.service"})
            command += " " + directory + "/" + unit;
        for (const Consumer& consumer : kConsumers) command += " " + directory + "/" + std::string{consumer.unit};
        command += " 2>&1";
        const std::unique_ptr<FILE, ReleaseWith<pclose>> pipe{popen(command.c_str(), "re")};
        Verdict verdict;
        std::array<char, 4096> buffer{};
        while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe.get()))
            verdict.output.append(buffer.data(), count);
        return verdict;
    }

    TemporaryDirectory host_;
};

TEST_F(VerifyUnitsTest, SystemdHasNothingToSayAboutThem) {
    install(options());
    EXPECT_EQ(verify().output, "");
}

TEST_F(VerifyUnitsTest, NorInStrictMode) {
    UnitOptions strict = options();
    strict.strict = true;
    install(strict);
    EXPECT_EQ(verify().output, "");
}

TEST_F(VerifyUnitsTest, TheCheckItselfFindsWhatIsWrong) {
    install(options());
    write("/etc/systemd/system/nvidia.service.d/bad.conf", "[Unit]\nAfter=kubelet.service\n[Service]\nNonsense=1\n");
    const std::string output = verify().output;
    EXPECT_THAT(output, testing::HasSubstr("Nonsense"));
    EXPECT_THAT(output, testing::HasSubstr("cycle"));
}

}  // namespace
}  // namespace overdrive
