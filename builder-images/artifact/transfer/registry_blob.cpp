#include "builder-images/artifact/transfer/registry_blob.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "builder-images/artifact/transfer/registry_refusal.hpp"
#include "builder-images/artifact/transfer/upload_place.hpp"
#include "registry/blob_check.hpp"
#include "registry/http_fields.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

/// Reads one blob range by range.
class BlobRead {
public:
    BlobRead(RegistrySession& session, const BlobDescriptor& blob, std::uint64_t piece_bytes,
             const std::function<void(std::string_view)>& sink)
        : session_{session},
          blob_{blob},
          piece_bytes_{piece_bytes},
          sink_{sink},
          check_{"blob " + blob.digest.text(), blob.digest, blob.size} {}

    void run() {
        do {
            stop_if_interrupted();
            read_piece();
        } while (!in_one_go_ && at_ < blob_.size);
        check_.finish();
    }

private:
    void read_piece() {
        for (int tries = 1;; ++tries) {
            try {
                return ask();
            } catch (const Error& error) {
                const bool broke_off = error.code() == Errc::truncated || error.code() == Errc::unreachable;
                if (!broke_off || passed_on_ || !session_.wait_before_next(tries)) throw;
            }
        }
    }

    void ask() {
        piece_.clear();
        passed_on_ = false;
        const std::uint64_t wanted = std::min(piece_bytes_, blob_.size - at_);
        const bool whole = wanted == blob_.size;
        const std::uint64_t begin = at_;
        const HttpResponse response = session_.perform(
            {.method = "GET",
             .path = "blobs/" + blob_.digest.text(),
             .headers = whole ? std::vector<std::string>{} : std::vector{"Range: bytes=" + piece_range(at_, wanted)},
             .most_bytes = UINT64_MAX},
            [&](std::string_view bytes) { take(bytes, wanted); });
        if (response.status == 404)
            throw Error{Errc::incomplete_artifact, fmt::format("blob {} is missing in it", blob_.digest.text())};
        if (response.status != 200 && response.status != 206) throw refusal(response);
        if (response.status == 206) require_range(response, wanted);
        if (response.status == 200 && begin > 0) throw ignored();
        if (!piece_.empty()) pass_on(piece_);
        in_one_go_ = response.status == 200;
    }

    /// More than was asked for is the whole blob, from a registry that ignores ranges.
    void take(std::string_view bytes, std::uint64_t wanted) {
        if (!passed_on_ && piece_.size() + bytes.size() <= wanted) {
            piece_ += bytes;
            return;
        }
        if (at_ > 0 && !passed_on_) throw ignored();
        if (!piece_.empty()) pass_on(piece_);
        piece_.clear();
        pass_on(bytes);
    }

    void pass_on(std::string_view bytes) {
        check_.take(bytes);
        passed_on_ = true;
        sink_(bytes);
        at_ += bytes.size();
    }

    void require_range(const HttpResponse& response, std::uint64_t wanted) const {
        const auto found = response.headers.find("content-range");
        const auto range = found == response.headers.end() ? std::nullopt : parse_content_range(found->second);
        if (!range || range->first != at_ || range->last != at_ + wanted - 1) throw ignored();
    }

    [[nodiscard]] Error ignored() const {
        return {Errc::digest_mismatch, fmt::format("{} answers with another part of blob {} than was asked for",
                                                   session_.endpoint().host, blob_.digest.text())};
    }

    [[nodiscard]] Error refusal(const HttpResponse& response) const {
        const std::string repository = fmt::format("{}/{}", session_.endpoint().host, session_.endpoint().repository);
        return registry_refusal(fmt::format("read blob {} of {}", blob_.digest.text(), repository), repository,
                                response);
    }

    RegistrySession& session_;
    const BlobDescriptor& blob_;
    std::uint64_t piece_bytes_;
    const std::function<void(std::string_view)>& sink_;
    BlobCheck check_;
    std::string piece_;       ///< of this range, not yet passed on
    std::uint64_t at_ = 0;    ///< bytes that were passed on
    bool passed_on_ = false;  ///< in this try: it cannot be made again
    bool in_one_go_ = false;
};

}  // namespace

void read_registry_blob(RegistrySession& session, const BlobDescriptor& blob, std::uint64_t piece_bytes,
                        const std::function<void(std::string_view)>& sink) {
    BlobRead{session, blob, piece_bytes, sink}.run();
}

}  // namespace overdrive
