// What the rules cost that run on every boot and for every `status`.
#include <benchmark/benchmark.h>

#include "model/driver_manifest.hpp"
#include "model/selection.hpp"

namespace overdrive {
namespace {

/// A driver.json of the size of a real one.
std::string manifest_text(std::size_t files) {
    std::string json = R"({"schema":1,"min_reader":1,"driver":"550.163.01-open","driver_version":"550.163.01",
        "module_type":"open","os":{"id":"coreos","version_id":"4081.2.1","key":"4081.2.1"},"architecture":"x86_64",
        "kernel":{"release":"6.1.0","vermagic":"6.1.0 SMP"},"modules":[{"name":"nvidia",
        "path":"lib/modules/6.1.0/nvidia.ko","version":"550.163.01","depends":[]}],"prerequisites":[],"firmware":[],
        "files":[)";
    for (std::size_t i = 0; i < files; ++i) {
        json += R"({"path":"lib64/file)" + std::to_string(100000 + i) +
                R"(","layer":"user-space","mode":"0644","size":1,"sha256":")" + std::string(64, 'a') + "\"},";
    }
    json.back() = ']';
    return json + "}";
}

void parse_driver_json(benchmark::State& state) {
    const std::string text = manifest_text(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(DriverManifest::parse(text));
}
BENCHMARK(parse_driver_json)->Arg(100)->Arg(1000)->Arg(10000);

void select_among_generations(benchmark::State& state) {
    std::vector<Candidate> installed;
    for (int i = 0; i < state.range(0); ++i) {
        const std::string number = std::to_string(i);
        installed.push_back({{DriverId::parse("550.1." + number), "4081.2.1"}, "6.1.0-" + number});
    }
    const DriverWish wish = DriverWish::parse("550");
    for (auto _ : state) benchmark::DoNotOptimize(select_generation(installed, wish, "6.1.0-3"));
}
BENCHMARK(select_among_generations)->Arg(2)->Arg(100);

}  // namespace
}  // namespace overdrive

BENCHMARK_MAIN();
