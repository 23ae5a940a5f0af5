#pragma once

#include "support/error.hpp"

namespace overdrive {

/// What the program tells its caller.
enum class ExitCode : int {
    ok = 0,            ///< done, or nothing to do
    failed = 1,        ///< failed, the system is as before
    usage = 2,         ///< usage, configuration or trust policy
    no_artifact = 3,   ///< no artifact for this kernel
    at_reboot = 4,     ///< done, takes effect at the next boot (or needs the host command printed)
    not_restored = 5,  ///< failed and not restored
    unreachable = 6,   ///< source unreachable
    busy = 7,          ///< lock or holders
    answer_is_no = 8   ///< gate, wait, verify, doctor: the answer is no
};

/// The exit code of a reason.
[[nodiscard]] ExitCode exit_code_of(Errc reason) noexcept;

}  // namespace overdrive
