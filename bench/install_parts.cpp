// What an install and a boot are made of, without a network and without a kernel.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include "archive/layer_reader.hpp"
#include "store/verify_generation.hpp"
#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "support/sha256.hpp"
#include "unit/archive/tar_maker.hpp"
#include "verbs/activate.hpp"

namespace overdrive {
namespace {

constexpr std::size_t kMebi = 1U << 20U;

/// Bytes are those of the file system's cache where the temporary directory is one.
void untar(benchmark::State& state) {
    const auto files = static_cast<std::size_t>(state.range(0));
    const std::string content(64 * kMebi / files, 'x');
    TarMaker maker;
    for (std::size_t i = 0; i < files; ++i) maker.file("driver/file" + std::to_string(i), content);
    const std::string tar = maker.tar();
    const UnpackRules rules{.prefix = "driver/", .most_bytes = tar.size(), .most_members = files};
    for (auto _ : state) {
        state.PauseTiming();
        const TemporaryRoot directory;
        const UniqueFd staging = directory.root().open(".", O_RDONLY | O_DIRECTORY);
        std::string_view rest = tar;
        state.ResumeTiming();
        LayerReader reader{[&] {
                               const std::string_view piece = rest.substr(0, kMebi / 4);
                               rest.remove_prefix(piece.size());
                               return piece;
                           },
                           staging.get(), rules};
        reader.run();
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(tar.size()));
}
BENCHMARK(untar)->Arg(10)->Arg(1000)->Unit(benchmark::kMillisecond);

void hash(benchmark::State& state) {
    const std::string bytes(kMebi, 'x');
    for (auto _ : state) {
        Sha256 sha256;
        for (std::int64_t i = 0; i < state.range(0); ++i) sha256.update(bytes);
        benchmark::DoNotOptimize(sha256.finish());
    }
    state.SetBytesProcessed(state.iterations() * state.range(0) * static_cast<std::int64_t>(kMebi));
}
BENCHMARK(hash)->Arg(16)->Unit(benchmark::kMillisecond);

/// With the ports as fakes: the rules, and what is read below /opt/nvidia and /etc.
void activate_when_active(benchmark::State& state) {
    FakeHost host;
    for (std::int64_t i = 1; i <= state.range(0); ++i)
        install_small_driver(host.root_dir.root(), small_manifest("550.1." + std::to_string(i)));
    KeptReport report;
    Services services = host.services();
    if (run_activate({}, services, report) != ExitCode::ok) state.SkipWithError("activate failed");
    for (auto _ : state) benchmark::DoNotOptimize(run_activate({}, services, report));
    if (report.json["result"] != "nothing-to-do") state.SkipWithError("there was something to do");
}
BENCHMARK(activate_when_active)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace overdrive
