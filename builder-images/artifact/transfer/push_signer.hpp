#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "builder-images/artifact/transfer/sign_image.hpp"
#include "trust/signature.hpp"

namespace overdrive {

/// Signs what a push brings, before the tag points at it.
///
/// Every manifest that was brought is signed, and the index when all else in it is signed with the same key already: a
/// job vouches for what it made, not for what others have put beside it. An image that the tag had before, with a
/// signature for the same identity, is not signed again unless a serial was asked for.
class PushSigner {
public:
    /// Looks at what `tag` points at before the push.
    /// @param asked_serial `--serial`
    /// @throws Error usage when the serial is not greater than one that this key has signed for the tag
    PushSigner(ImageWriter& place, const std::string& tag, const PrivateKey& key, SignOptions options,
               bool asked_serial);

    /// For CopyOptions::before_tag.
    void before_tag(const std::vector<RawManifest>& brought, const RawManifest& top);

    /// What was signed.
    [[nodiscard]] const std::vector<Digest>& signed_images() const noexcept { return signed_; }
    /// Manifests of other architectures for whose lack of a signature the index was not signed.
    [[nodiscard]] const std::set<Digest>& unsigned_others() const noexcept { return unsigned_others_; }

private:
    [[nodiscard]] bool is_signed(const Digest& image);
    void sign(const RawManifest& image);

    ImageWriter& place_;
    const PrivateKey& key_;
    PublicKey public_key_;
    SignOptions options_;
    bool asked_serial_;
    std::set<Digest> before_;  ///< what the tag named
    std::vector<Digest> signed_;
    std::set<Digest> unsigned_others_;
};

}  // namespace overdrive
