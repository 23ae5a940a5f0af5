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

/// What earlier activations say about the candidates.
struct Experience {
    std::vector<Pair> barred;       ///< failed in this boot, or stopped several boots: not to be tried now
    std::optional<Pair> last_good;  ///< was verified on this kernel
};

/// Which generation a boot uses, and why.
struct Selection {
    enum class Why {
        wanted,       ///< the wanted driver fits this kernel
        last_good,    ///< the wanted one is barred: the last that worked on this kernel is used again
        same_branch,  ///< another version of the wanted branch stands in
        none_fits,    ///< nothing installed fits this kernel
        all_barred,   ///< what fits has been tried and failed
        nothing_installed
    };
    Why why = Why::nothing_installed;
    std::optional<Pair> pair;
    std::optional<Pair> passed_over;  ///< the wanted pair, when it fits but is barred
};

/// Selects among the generations that fit `kernel_release`: the wanted driver; when it is barred the last good one of
/// this kernel, whatever its branch; else the newest of the wanted branch with the same kind of modules. Without a wish
/// the newest that fits. Never the OS version alone decides, and a barred pair is never selected.
/// @param wanted the exact driver of the record, or the configuration's wish
[[nodiscard]] Selection select_generation(const std::vector<Candidate>& installed,
                                          const std::optional<DriverWish>& wanted, std::string_view kernel_release,
                                          const Experience& experience = {});

/// One sentence for people: `no installed driver fits kernel 6.1.0-50-cloud-amd64`.
[[nodiscard]] std::string explain(const Selection& selection, std::string_view kernel_release);

}  // namespace overdrive
