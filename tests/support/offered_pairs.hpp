#pragma once

#include <string>

#include "model/pair_index.hpp"

namespace overdrive {

/// A pair of x86_64 as a repository's index offers it, signed and proven by nobody.
inline OfferedPair offered_pair(const Pair& pair, const std::string& kernel_release) {
    return {.pair = pair,
            .os_id = "coreos",
            .os_version_id = "1",
            .kernel_release = kernel_release,
            .vermagic = kernel_release + " SMP ",
            .architecture = "x86_64",
            .module_type = pair.driver.open_modules() ? "open" : "proprietary",
            .manifest = Digest::from_hex(std::string(64, 'a'))};
}

/// An index of the pairs that tags name; other tags are left out.
template <typename Tags, typename KernelOf>
PairIndex index_of_tags(const Tags& tags, KernelOf kernel_of) {
    PairIndex index{.serial = 1, .created = 1, .repository = "r/x"};
    for (const std::string& tag : tags)
        if (const auto pair = pair_of_tag(tag)) index.pairs.push_back(offered_pair(*pair, kernel_of(*pair)));
    return index;
}

}  // namespace overdrive
