#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "registry/curl_transport.hpp"
#include "registry/make_source.hpp"
#include "store/fetch.hpp"
#include "support/loopback_access.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

constexpr const char* kRegistryProgram = "/usr/bin/docker-registry";
constexpr const char* kSkopeoProgram = "/usr/bin/skopeo";

pid_t start(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t pid = -1;
    const int error = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error{"cannot start " + arguments[0]};
    return pid;
}

int run(std::vector<std::string> arguments) {
    int status = -1;
    waitpid(start(std::move(arguments)), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// Debian's docker-registry on a free port of the loopback address, with a storage of its own.
class DockerRegistry : public testing::Test {
protected:
    void SetUp() override {
        for (const char* program : {kRegistryProgram, kSkopeoProgram}) {
            if (access(program, X_OK) != 0) GTEST_SKIP() << program << " is not installed (ci/setup images)";
        }
        for (int tries = 0; tries < 5 && pid_ < 0; ++tries) try_start(20000 + (getpid() + tries * 97) % 20000);
        ASSERT_GT(pid_, 0) << "docker-registry did not come up";
        store_.prepare();
    }
    void TearDown() override { stop(); }

    void try_start(int port) {
        host_ = "127.0.0.1:" + std::to_string(port);
        dir_.write("registry.yml", "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: " +
                                       dir_.path() + "/registry\nhttp:\n  addr: " + host_ + "\n");
        pid_ = start({kRegistryProgram, "serve", dir_.path() + "/registry.yml"});
        for (int waited = 0; waited < 100; ++waited) {
            if (answers()) return;
            if (waitpid(pid_, nullptr, WNOHANG) == pid_) break;  // the port was taken
            std::this_thread::sleep_for(std::chrono::milliseconds{100});
        }
        stop();
    }
    bool answers() {
        try {
            return transport_
                       .perform({.method = "GET", .url = "http://" + host_ + "/v2/", .headers = {}, .most_bytes = 100},
                                {})
                       .status == 200;
        } catch (const Error&) {
            return false;
        }
    }
    void stop() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    void push(const SampleArtifact& sample, const std::string& tag) {
        const std::string layout = dir_.path() + "/layout-" + tag;
        sample.write_layout(layout, {tag});
        ASSERT_EQ(run({kSkopeoProgram, "copy", "--all", "--insecure-policy", "--dest-tls-verify=false",
                       "oci:" + layout + ":" + tag, "docker://" + host_ + "/overdrive/nvidia-coreos:" + tag}),
                  0);
    }

    TemporaryRoot dir_;
    Store store_{dir_.root()};
    FakeProgress progress_;
    CurlTransport transport_{{}};
    LoopbackAccess access_{transport_};
    std::string host_;
    pid_t pid_ = -1;
};

TEST_F(DockerRegistry, ServesAnArtifactAndThenOnlyTheModulesOfTheNextKernel) {
    const SampleArtifact first;
    const SampleArtifact next{"6.1.0-2-test", "4081.3.0"};
    push(first, "4081.2.1-900.1.0");
    push(next, "4081.3.0-900.1.0");
    const auto source = make_source("docker://" + host_ + "/overdrive/nvidia-{os_id}", access_, "coreos");
    EXPECT_FALSE(source->resolve("4081.9.9-900.1.0", "amd64"));
    EXPECT_FALSE(source->resolve("4081.2.1-900.1.0", "arm64"));
    EXPECT_FALSE(source->find_pair_index());

    const auto install = [&](const std::string& tag) {
        const auto artifact = source->resolve(tag, "amd64");
        Staging staging = store_.make_staging();
        FetchResult fetched = fetch_artifact(*source, artifact.value(), staging, store_, progress_, {});
        store_.publish(std::move(staging),
                       describe_generation(fetched, &*artifact, artifact->reference, std::chrono::seconds{1}));
        return fetched;
    };
    EXPECT_EQ(install("4081.2.1-900.1.0").driver_json, first.manifest().to_json());
    const FetchResult updated = install("4081.3.0-900.1.0");
    EXPECT_TRUE(updated.reused_user_space) << updated.not_reused;
    EXPECT_EQ(updated.bytes_downloaded, next.modules_layer().size());
    EXPECT_EQ(store_.list_generations().size(), 2U);
}

TEST_F(DockerRegistry, IsUnreachableOnceItIsGone) {
    push(SampleArtifact{}, "4081.2.1-900.1.0");
    const auto source = make_source("docker://" + host_ + "/overdrive/nvidia-{os_id}", access_, "coreos");
    const auto artifact = source->resolve("4081.2.1-900.1.0", "amd64");
    ASSERT_TRUE(artifact);
    stop();
    try {
        const Staging staging = store_.make_staging();
        static_cast<void>(fetch_artifact(*source, *artifact, staging, store_, progress_, {}));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unreachable);
        EXPECT_THAT(error.what(), HasSubstr(host_));
    }
}

}  // namespace
}  // namespace overdrive
