// node_storm: what a registry sees when a whole fleet starts in the same second. See README.md.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "integration/fetch/fake_registry.hpp"
#include "registry/curl_transport.hpp"
#include "registry/registry_source.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {
namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock;

constexpr const char* kRepository = "overdrive/nvidia-coreos";
constexpr const char* kTag = "4081.2.1-900.1.0";
constexpr milliseconds kBurstEvery{2000};
constexpr milliseconds kBurst{300};
constexpr milliseconds kBin{100};
constexpr std::size_t kRequestsOfAQuietPull = 4;  // index, manifest, two layers
constexpr std::size_t kMostRequests = 40;
constexpr int kMostRuns = 5;
constexpr milliseconds kRestart{1000};  // what the unit waits before it starts a failed node again, shortened

struct Options {
    int nodes = 500;
    int jitter = 10;  ///< s
};

class RealClock final : public Clock {
public:
    std::chrono::seconds wall() override {
        return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    }
    Time::time_point steady() override { return Time::now(); }
    void sleep(milliseconds time) override { std::this_thread::sleep_for(time); }
};

class NobodysLogins final : public LoginFinder {
public:
    std::optional<Login> find(const std::string& /*host*/, const std::string& /*repository*/) override {
        return std::nullopt;
    }
};

/// What the registry saw. Filled under its lock.
struct Seen {
    Time::time_point begin = Time::now();
    std::map<std::size_t, std::size_t> arrivals;  ///< by stretch of 100 ms
    std::map<std::string, std::size_t> requests;  ///< by node
    std::size_t refused = 0;

    void take(FakeRegistry::Answer& answer, const std::string& head) {
        const auto since = std::chrono::duration_cast<milliseconds>(Time::now() - begin);
        ++arrivals[static_cast<std::size_t>(since / kBin)];
        constexpr std::string_view kAgent = "User-Agent: ";
        const std::size_t agent = head.find(kAgent) + kAgent.size();
        ++requests[head.substr(agent, head.find('\r', agent) - agent)];
        if (since % kBurstEvery >= kBurst) return;
        ++refused;
        answer = {.status = refused % 2 == 0 ? 429 : 503, .headers = {}, .body = ""};
        if (refused % 4 == 0) answer.headers["Retry-After"] = "1";
    }
};

/// One node: waits its jitter, then pulls. @return how often it had to start again; -1 when it never came to its end
int run_node(int number, const FakeRegistry& registry, const Options& options) {
    RealClock clock;
    NobodysLogins logins;
    const std::uint64_t seed = static_cast<std::uint64_t>(number) * std::uint64_t{0x10001} + 17;
    clock.sleep(milliseconds{seeded_draw(seed, 0, static_cast<std::uint64_t>(options.jitter) * 1000)});
    CurlTransport transport{{.user_agent = fmt::format("node-{}", number)}};
    const Endpoint endpoint{.host = registry.host(), .repository = kRepository, .plain_http = true};
    const SourceName name{
        .kind = SourceName::Kind::registry, .host = endpoint.host, .repository = endpoint.repository, .path = {}};
    for (int run = 0; run < kMostRuns; ++run) {
        try {
            RegistrySource source{name, {endpoint}, transport, logins, clock, Patience{.seed = seed}};
            const auto artifact = source.resolve(kTag, "amd64");
            if (!artifact) return -1;
            for (const LayerDescriptor& layer : artifact->layers) {
                if (layer.role != LayerRole::program) source.read_blob(layer, [](std::string_view /*bytes*/) {});
            }
            return run;
        } catch (const Error& error) {
            if (error.code() != Errc::unreachable) {
                fmt::print(stderr, "node {}: {}\n", number, error.what());
                return -1;
            }
            clock.sleep(kRestart);
        }
    }
    return -1;
}

void print_histogram(const Seen& seen) {
    const std::size_t last = seen.arrivals.empty() ? 0 : seen.arrivals.rbegin()->first;
    for (std::size_t bin = 0; bin <= last; ++bin) {
        const auto found = seen.arrivals.find(bin);
        const std::size_t count = found == seen.arrivals.end() ? 0 : found->second;
        const bool is_burst = milliseconds{bin * 100} % kBurstEvery < kBurst;
        fmt::print("{:6.1f} s {:4} {}{}\n", static_cast<double>(bin) / 10, count, is_burst ? '!' : ' ',
                   std::string(std::min<std::size_t>(count, 100), '#'));
    }
}

int storm(const Options& options) {
    const TemporaryRoot dir;
    static_cast<void>(SampleArtifact{}.write_layout(dir.path() + "/layout", {kTag}));
    FakeRegistry registry;
    registry.serve_layout(dir.path() + "/layout", kRepository);
    Seen seen;
    registry.behave_everywhere(
        [&seen](FakeRegistry::Answer& answer, int /*nth*/, const std::string& head) { seen.take(answer, head); });
    std::atomic<int> unfinished{0};
    std::atomic<int> restarts{0};
    {
        std::vector<std::jthread> nodes;
        for (int number = 0; number < options.nodes; ++number) {
            nodes.emplace_back([&, number] {
                const int again = run_node(number, registry, options);
                if (again < 0) ++unfinished;
                restarts += std::max(again, 0);
            });
        }
    }
    print_histogram(seen);
    std::size_t most = 0;
    std::size_t total = 0;
    for (const auto& [node, count] : seen.requests) {
        most = std::max(most, count);
        total += count;
    }
    std::size_t peak = 0;
    for (const auto& [bin, count] : seen.arrivals) peak = std::max(peak, count);
    const std::size_t bins = std::max<std::size_t>(static_cast<std::size_t>(options.jitter) * 10, 1);
    const std::size_t mean = std::max<std::size_t>(
        kRequestsOfAQuietPull * static_cast<std::size_t>(options.nodes) / std::max<std::size_t>(bins, 30), 1);
    fmt::print("nodes: {}, unfinished: {}, started again: {}\n", options.nodes, unfinished.load(), restarts.load());
    fmt::print("requests: {}, refused: {}, most of one node: {} (at most {})\n", total, seen.refused, most,
               kMostRequests);
    fmt::print("peak in 100 ms: {} (at most {}, five times an even spread)\n", peak, 5 * mean);
    const bool good = unfinished == 0 && most <= kMostRequests && peak <= 5 * mean && seen.refused > 0;
    fmt::print("{}\n", good ? "good" : "NOT GOOD");
    return good ? 0 : 1;
}

}  // namespace
}  // namespace overdrive

int main(int argc, char** argv) {
    overdrive::Options options;
    const std::vector<std::string> words(argv + 1, argv + argc);
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
        int& value = words[i] == "--nodes" ? options.nodes : options.jitter;
        std::from_chars(words[i + 1].data(), words[i + 1].data() + words[i + 1].size(), value);
    }
    return overdrive::storm(options);
}
