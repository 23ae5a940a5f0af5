#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "model/busy_policy.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// The services to stop so that the loaded driver can go: the driver's daemons that run, and with a policy that stops
/// them the known monitors that hold it. Clients first.
[[nodiscard]] std::vector<std::string> daemons_to_stop(Services& services, const BusyPolicy& policy);

/// Waits, within the policy's limit, for those who use the loaded driver to end, and tells of it meanwhile.
class BusyWait {
public:
    BusyWait(Services& services, const BusyPolicy& policy, Report& report);

    /// Somebody uses the driver: what now? When it is `wait`, a moment has passed on return and it can be looked at
    /// again. What nobody but its owner can end is not waited for: modules of others, a console.
    /// @param in_use who, in words
    /// @throws Error interrupted
    [[nodiscard]] BusyStep after(const Error& in_use);

private:
    void tell(const Error& in_use, std::chrono::milliseconds waited);

    Services& services_;
    BusyPolicy policy_;
    Report& report_;
    std::chrono::steady_clock::time_point began_;
    std::string told_;  ///< the last thing that was told
    std::chrono::steady_clock::time_point told_at_;
};

}  // namespace overdrive
