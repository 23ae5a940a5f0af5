#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/pair_index.hpp"

namespace overdrive {

/// What is done to a pair index; pure. Each may be done again to another version of the index, where others have
/// written one meanwhile.

/// What a report of `builder-images/prove` says of one artifact.
struct ProofReport {
    Digest artifact;                  ///< its image manifest, or the image index that names it
    std::vector<std::string> checks;  ///< names of those that it passed, sorted; those that were not run are left out

    /// @throws Error usage naming `name`: no such report, or a check that failed
    [[nodiscard]] static ProofReport parse(std::string_view json, const std::string& name);
};

/// Gives each offer the checks of the report about it. @throws Error usage for a report that is about none
void add_proof(std::vector<OfferedPair>& offers, const std::vector<ProofReport>& reports);

/// Puts offers into the index, for what it has of the same pair and architecture. What is the same image keeps its
/// date, and its proof where the offer has none.
void add_offers(PairIndex& index, const std::vector<OfferedPair>& offers, std::uint64_t now);

/// The same, and takes out all others.
void replace_offers(PairIndex& index, const std::vector<OfferedPair>& offers, std::uint64_t now);

/// Takes the pairs and deltas with these tags out. @return the tags that it did not have
std::vector<std::string> remove_tags(PairIndex& index, const std::vector<std::string>& tags);

/// Puts deltas into the index, for what it has from and to the same layers.
/// @throws Error usage: it has no pair of the driver version that a delta leads to
void add_deltas(PairIndex& index, const std::vector<OfferedDelta>& deltas);

/// Takes out the deltas that lead to a driver version that no pair has any more.
void drop_stale_deltas(PairIndex& index);

/// Channels that no pair is for, as `name -> driver`.
[[nodiscard]] std::vector<std::string> empty_channels(const PairIndex& index);

/// Points a channel at a driver id or a branch that the index has.
/// @throws Error usage when it has none such, or the name cannot be one
void set_channel(PairIndex& index, const std::string& name, const std::string& driver);

}  // namespace overdrive
