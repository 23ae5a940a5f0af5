#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "builder-images/artifact/image_place.hpp"
#include "model/pair_index.hpp"
#include "model/trust_policy.hpp"
#include "ports/clock.hpp"
#include "trust/image_trust.hpp"

namespace overdrive {

/// Whose word is taken for an index that is there.
struct IndexTrust {
    TrustPolicy policy;
    TrustedKeys keys;
    std::string repository;  ///< the place's own; empty for a layout
};

/// The pair index of a place.
struct PublishedIndex {
    RawManifest manifest;
    ImageAnswer answer;  ///< what its signatures say; nothing where no key was given
    PairIndex index;
};

/// Reads the index of a place. With keys, those have to vouch for it before it is read.
/// @return nullopt when there is none
/// @throws Error untrusted; bad_manifest: malformed, or of another repository
[[nodiscard]] std::optional<PublishedIndex> read_published_index(ImageReader& place, const IndexTrust& trust);

/// How an index is written.
struct IndexWriting {
    const PrivateKey& key;
    std::string repository;  ///< that the document and its signature name
    /// How long to wait before looking whether somebody else overwrote the tag in the very same moment.
    std::chrono::milliseconds settle{1000};
    bool anew = false;     ///< an index that is not vouched for, or cannot be read, is replaced instead of refused
    bool dry_run = false;  ///< nothing is written
};

/// What came of a change.
struct IndexChange {
    bool changed = false;
    PairIndex index;                 ///< as it is now, or would be
    std::optional<Digest> digest{};  ///< of its manifest; nullopt where nothing was written and nothing was there
};

/// Called for every version of the index that the change has to be made to.
using IndexEdit = std::function<void(PairIndex& index)>;

/// Reads the index, lets `edit` change it, writes it signed, and moves the tag to it last.
///
/// Two writers: the tag is read again right before it is moved, right after, and once more when `settle` has passed; a
/// writer whose change is gone makes it again on top of the other's, a few times. What remains, as no registry can
/// compare and swap: a writer that was held up for longer than `settle` between its last look and its writing.
/// @throws Error untrusted, when what is there is not vouched for; busy when others keep overwriting it
[[nodiscard]] IndexChange change_index(ImageWriter& place, const IndexTrust& trust, const IndexWriting& writing,
                                       const IndexEdit& edit, Clock& clock);

}  // namespace overdrive
