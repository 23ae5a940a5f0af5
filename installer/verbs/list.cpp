#include "verbs/list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "store/store.hpp"
#include "verbs/sizes.hpp"
#include "verbs/trust_check.hpp"

namespace overdrive {

using nlohmann::ordered_json;

ExitCode run_list(const ListOptions& /*options*/, Services& services, Report& report) {
    const Store store{services.root};
    const HostFacts facts = services.read_facts();
    const auto current = store.read_current();
    auto generations = store.list_generations();
    std::sort(generations.begin(), generations.end(), [](const GenerationInfo& a, const GenerationInfo& b) {
        const auto order = compare_versions(a.pair.driver.version(), b.pair.driver.version());
        return order != 0 ? order > 0 : a.pair.path() > b.pair.path();
    });

    ordered_json array = ordered_json::array();
    std::string text;
    for (const GenerationInfo& generation : generations) {
        const bool is_current = current == generation.pair;
        const bool fits = generation.kernel_release == facts.kernel_release;
        array.push_back({{"generation", generation.pair.path()},
                         {"driver", generation.pair.driver.text()},
                         {"os_key", generation.pair.os_key},
                         {"kernel_release", generation.kernel_release},
                         {"current", is_current},
                         {"fits", fits},
                         {"size_bytes", generation.size_bytes},
                         {"installed_at", generation.installed_at.count()},
                         {"reference", generation.reference},
                         {"trust", trust_json(generation.vouching)}});
        text += fmt::format("{} {}  {}  {}{}{}\n", is_current ? "*" : " ", generation.pair.path(),
                            generation.kernel_release, human_bytes(generation.size_bytes),
                            generation.vouching ? "  " + to_text(*generation.vouching) : std::string{},
                            fits ? "" : "  (another kernel)");
    }
    if (generations.empty()) text = "no driver is installed\n";
    report.result({{"schema", 1}, {"generations", array}}, text);
    return ExitCode::ok;
}

}  // namespace overdrive
