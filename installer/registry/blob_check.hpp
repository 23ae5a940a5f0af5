#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "model/digest.hpp"
#include "support/sha256.hpp"

namespace overdrive {

/// Counts and hashes the bytes of a blob while they pass, and refuses what is not the blob.
class BlobCheck {
public:
    /// @param what for messages: `blob sha256:...`
    BlobCheck(std::string what, Digest digest, std::uint64_t size)
        : what_{std::move(what)}, digest_{std::move(digest)}, size_{size} {}

    /// @throws Error digest_mismatch as soon as more bytes came than the blob has
    void take(std::string_view bytes);
    /// Says that no more bytes come. @throws Error truncated, digest_mismatch
    void finish();

private:
    std::string what_;
    Digest digest_;
    std::uint64_t size_;
    std::uint64_t seen_ = 0;
    Sha256 hash_;
};

/// Checks a small document that is in memory. @throws Error truncated, digest_mismatch
void check_blob(const std::string& what, std::string_view bytes, const Digest& digest, std::uint64_t size);

}  // namespace overdrive
