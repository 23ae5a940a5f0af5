#pragma once

#include <memory>
#include <string>

#include "model/pair.hpp"
#include "transaction/step.hpp"
#include "verbs/cdi_seal.hpp"
#include "verbs/kept_cdi.hpp"
#include "verbs/local_state.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Keeps the CDI specification in step with the driver, on behalf of one activation.
///
/// A specification that cannot be made costs no host its driver, unless the configuration says so: it is warned of, and
/// one of another generation is taken away. What is there and not ours stays.
class CdiKeeper {
public:
    /// @param pair  what is to be in force
    CdiKeeper(Services& services, Store& store, const Config& config, LocalState& local, Pair pair, Report& report);

    /// Of a transaction that swaps the driver, before anything else; nullptr where none of ours is there.
    [[nodiscard]] std::unique_ptr<Step> withdraw_step() const;
    /// Its last step; nullptr where somebody else's file has the place of ours. The keeper outlives it.
    /// @param device  there is a GPU
    [[nodiscard]] std::unique_ptr<Step> write_step(bool device);
    /// After the transaction: puts aside what others have beside ours, removes ours from where it was before.
    void settle();

    /// The same without a transaction, where all else is in force. Never fails. @return whether the file changed
    bool refresh(bool device);

private:
    [[nodiscard]] std::optional<std::string> make(bool may_fail);
    void note_owned();
    void seal(const CdiSeal& seal);

    Services& services_;
    Store& store_;
    const Config& config_;
    LocalState& local_;
    Pair pair_;
    Report& report_;
    std::string path_;
    std::vector<std::string> put_aside_;
};

/// Whether the specification is what it should be while the selected generation is in force, or cannot be made so.
[[nodiscard]] bool cdi_is_right(const Services& services, const Store& store, const Config& config,
                                const LocalState& local);

}  // namespace overdrive
