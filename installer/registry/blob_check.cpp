#include "registry/blob_check.hpp"

#include <fmt/format.h>

#include "support/error.hpp"

namespace overdrive {

void BlobCheck::take(std::string_view bytes) {
    if (bytes.size() > size_ - seen_) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("{} is larger than the {} bytes that its descriptor says", what_, size_)};
    }
    seen_ += bytes.size();
    hash_.update(bytes);
}

void BlobCheck::finish() {
    if (seen_ < size_) {
        throw Error{Errc::truncated, fmt::format("{} ended after {} of {} bytes", what_, seen_, size_)};
    }
    const std::string hex = hash_.finish();
    if (hex != digest_.hex()) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("{} is damaged or not what it claims to be: its bytes hash to sha256:{}, not to {}",
                                what_, hex, digest_.text())};
    }
}

void check_blob(const std::string& what, std::string_view bytes, const Digest& digest, std::uint64_t size) {
    BlobCheck check{what, digest, size};
    check.take(bytes);
    check.finish();
}

}  // namespace overdrive
