#include "transaction/steps/fill_staging.hpp"

#include <utility>

namespace overdrive {

FillStaging::FillStaging(Store& store, std::string name, Means means)
    : store_{store}, name_{std::move(name)}, means_{std::move(means)} {}

bool FillStaging::apply() {
    staging_.emplace(means_.adopted ? store_.adopt_staging(*means_.adopted) : store_.make_staging());
    info_ = means_.fill(*staging_);
    return true;
}

Staging FillStaging::take() {
    Staging taken = std::move(staging_.value());
    staging_.reset();
    return taken;
}

}  // namespace overdrive
