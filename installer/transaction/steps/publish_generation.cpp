#include "transaction/steps/publish_generation.hpp"

namespace overdrive {

PublishGeneration::PublishGeneration(Store& store, FillStaging& filled, const Pair& pair)
    : store_{store}, filled_{filled}, pair_{pair}, name_{"publish " + pair.path()} {}

bool PublishGeneration::apply() {
    if (filled_.generation().pair != pair_) {
        throw Error{Errc::bad_manifest,
                    "the tree is of " + filled_.generation().pair.path() + ", not of " + pair_.path()};
    }
    store_.publish(filled_.take(), filled_.generation());
    return true;
}

void PublishGeneration::undo() {
    store_.remove_generation(pair_);
    store_.discard_unpublished(pair_);
}

}  // namespace overdrive
