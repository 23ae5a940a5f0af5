#include "verbs/loaded_driver.hpp"

namespace overdrive {

std::optional<LoadedDriver> find_loaded_driver(const Store& store, const LocalState& local) {
    std::vector<Pair> pairs;
    if (local.current) pairs.push_back(*local.current);
    for (const GenerationInfo& generation : local.generations) pairs.push_back(generation.pair);
    for (const Pair& pair : pairs) {
        try {
            DriverManifest manifest = store.read_manifest(pair);
            std::string generation = store.generation_path(pair);
            if (is_loaded_from(local.facts, manifest, generation))
                return LoadedDriver{std::move(manifest), std::move(generation)};
        } catch (const Error&) {
            continue;  // what cannot be read cannot be loaded from either
        }
    }
    return std::nullopt;
}

UnloadModules::Ports unload_ports(const Services& services) {
    return {services.root, services.modules, services.holders, services.nodes, services.clock, services.read_facts};
}

}  // namespace overdrive
