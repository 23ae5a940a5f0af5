#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/digest.hpp"
#include "model/offered_delta.hpp"
#include "model/pair.hpp"

namespace overdrive {

/// The tag of a repository's pair index. No pair has it: pair_of_tag refuses it.
inline constexpr const char* kPairIndexTag = "overdrive-index";

/// A pair that a repository has, as its index tells it: what it is built for, and the digest to fetch.
struct OfferedPair {
    Pair pair;
    std::string os_id{};
    std::string os_version_id{};  ///< may be empty: some OSes have none
    std::string kernel_release{};
    std::string vermagic{};
    std::optional<std::string> build_id{};  ///< GNU build id of the kernel, hex, where the builder knew it
    std::string architecture{};             ///< as `uname -m`
    std::string module_type{};              ///< `open`, `proprietary` or `stand-in`
    Digest manifest;                        ///< of the image manifest for this architecture
    std::optional<Digest> image_index{};    ///< of the image index that the tag named, when it named one
    std::uint64_t created = 0;              ///< when it was put into the index, in seconds since the epoch
    std::uint64_t download_bytes = 0;       ///< of all layers, as they are stored
    std::uint64_t unpacked_bytes = 0;       ///< of the driver, as driver.json says
    std::vector<std::string> proof{};       ///< names of the checks that it passed; sorted

    friend bool operator==(const OfferedPair&, const OfferedPair&) = default;
};

/// The pair index of a repository: what nodes go by where a branch or a channel is wanted, so that they never list
/// tags.
///
/// The document groups pairs by the kernel that they are for: what 10,000 pairs share is written once. Every value has
/// been checked by `parse`.
struct PairIndex {
    static constexpr int kSchema = 1;
    static constexpr std::size_t kMostBytes = 8U << 20U;
    static constexpr std::size_t kMostPairs = 12'000;
    static constexpr std::size_t kMostChannels = 64;
    static constexpr std::size_t kMostDeltas = 1000;

    std::uint64_t serial = 0;                       ///< greater in every newer one of the repository
    std::uint64_t created = 0;                      ///< seconds since the epoch
    std::string repository;                         ///< `registry.example/overdrive/nvidia-debian`
    std::map<std::string, std::string> channels{};  ///< name -> driver id or branch
    std::vector<OfferedPair> pairs{};               ///< by OS, OS key, kernel release, architecture, driver id
    /// Optional in the document, and unknown to programs older than it, which do without. @see docs/delta.md
    std::vector<OfferedDelta> deltas{};

    /// @throws Error bad_manifest naming the field: malformed, too large, a newer `min_reader`, a pair or a delta twice
    [[nodiscard]] static PairIndex parse(std::string_view json);
    /// One line; the same content gives the same bytes, whatever the order of `pairs`.
    /// @throws Error usage when it is more than `parse` would read
    [[nodiscard]] std::string to_json() const;
    /// Whether both offer the same, whatever their serials and dates.
    [[nodiscard]] bool offers_the_same(const PairIndex& other) const;
};

/// Whether `text` can name a channel: a lower-case letter, then up to 31 of a-z 0-9 and `-`. `newest` is none: it
/// always means the newest driver.
[[nodiscard]] bool is_channel_name(std::string_view text) noexcept;

/// Puts `pairs` in the order of the document.
void sort_offers(std::vector<OfferedPair>& pairs);

}  // namespace overdrive
