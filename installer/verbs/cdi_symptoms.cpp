#include "verbs/cdi_symptoms.hpp"

#include "verbs/cdi_rivals.hpp"
#include "verbs/kept_cdi.hpp"

namespace overdrive {

void look_at_containers(const Services& services, const Store& store, const LocalState& local, const Config& config,
                        Symptoms& seen) {
    if (seen.state.word != StateWord::ready || !local.current) return;
    const CdiState cdi = look_at_cdi(services, store, config, local, local.current);
    if (cdi.word == CdiState::Word::off) return;
    const bool defers = config.containers.other_generators == OtherGenerators::defer;
    bool somebody_else = false;
    for (const CdiRival& rival : find_cdi_rivals(services.root, config.containers, cdi.path, std::nullopt)) {
        somebody_else = true;
        if (!defers) seen.cdi_rivals.push_back(rival.text());
    }
    if (cdi.word == CdiState::Word::foreign || cdi.word == CdiState::Word::stale) seen.cdi_stale = cdi.why;
    if (cdi.word != CdiState::Word::none || (defers && somebody_else)) return;
    const WantedCdi wanted = wanted_cdi(services, store, config, local.facts, *local.current);
    seen.cdi_missing = wanted.why_not.empty() ? cdi.text() : wanted.why_not;
}

}  // namespace overdrive
