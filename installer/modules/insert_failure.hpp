#pragma once

#include <string>
#include <vector>

#include "support/error.hpp"

namespace overdrive {

/// What is known when the kernel refuses a module.
struct InsertFailure {
    std::string path;
    int error = 0;                        ///< errno of finit_module(2), positive
    std::string vermagic;                 ///< of the module
    std::string host_vermagic;            ///< of the running kernel's own modules; its release where none is there
    std::vector<std::string> kernel_log;  ///< what the kernel logged meanwhile about the module
};

/// The refusal in words, with the kernel's own lines and what to do about it. @see init_module(2)
[[nodiscard]] Error explain(const InsertFailure& failure);

}  // namespace overdrive
