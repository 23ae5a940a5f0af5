#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/pair.hpp"

namespace overdrive {

/// What selection needs to know of an installed generation.
struct Candidate {
    Pair pair;
    std::string kernel_release;
};

/// Which generation a boot uses, and why.
struct Selection {
    enum class Why {
        wanted,       ///< the wanted driver fits this kernel
        same_branch,  ///< another version of the wanted branch stands in
        none_fits,    ///< nothing installed fits this kernel
        nothing_installed
    };
    Why why = Why::nothing_installed;
    std::optional<Pair> pair;
};

/// Selects among the generations that fit `kernel_release`: the wanted driver, else the newest of its branch with the
/// same kind of modules. Without a wish the newest that fits. Never the OS version alone decides.
/// @param wanted the exact driver of the record, or the configuration's wish
[[nodiscard]] Selection select_generation(const std::vector<Candidate>& installed,
                                          const std::optional<DriverWish>& wanted, std::string_view kernel_release);

/// One sentence for people: `no installed driver fits kernel 6.1.0-50-cloud-amd64`.
[[nodiscard]] std::string explain(const Selection& selection, std::string_view kernel_release);

}  // namespace overdrive
