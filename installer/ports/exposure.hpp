#pragma once

#include <string>
#include <vector>

#include "model/exposure_plan.hpp"

namespace overdrive {

/// Makes a generation's libraries and programs visible on the host.
class Exposure {
public:
    Exposure() = default;
    Exposure(const Exposure&) = delete;
    Exposure& operator=(const Exposure&) = delete;
    virtual ~Exposure() = default;

    enum class State {
        absent,   ///< no library of ours is visible
        healthy,  ///< exactly this plan is in force, over the base it was made for
        stale     ///< something of ours is there, but of another generation, incomplete, or over another base
    };

    [[nodiscard]] virtual State inspect(const ExposurePlan& plan) = 0;
    /// Names in the host's own library directory, sorted, without what we laid over it.
    [[nodiscard]] virtual std::vector<std::string> base_names(const std::string& target) = 0;
    /// Refuses what `apply` would refuse, as far as that shows without changing anything. @throws Error exposure
    virtual void check(const ExposurePlan& plan) = 0;
    /// Puts the plan in force, replacing whatever of ours is there without a moment in which nothing is visible.
    /// @throws Error exposure
    virtual void apply(const ExposurePlan& plan) = 0;
    /// Takes off what no reboot would leave: the mount. What lasts - links, the linker's cache - stays for the next
    /// boot to find. @throws Error exposure
    virtual void detach() = 0;
    /// Takes away all that we made visible, and nothing else. Absent is no error. @throws Error exposure
    virtual void remove() = 0;
};

}  // namespace overdrive
