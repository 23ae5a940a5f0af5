#include "registry/blob_download.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "registry/http_fields.hpp"

namespace overdrive {

namespace {

constexpr long kOk = 200;
constexpr long kPartialContent = 206;
constexpr long kNotFound = 404;
constexpr long kRangeNotSatisfiable = 416;
constexpr std::uint64_t kProgress = 1U << 20U;
constexpr std::uint64_t kProgressPart = 4;
constexpr int kMostIdleRequests = 2;

bool may_go_on(Errc code) { return code == Errc::unreachable || code == Errc::truncated; }

}  // namespace

BlobDownload::BlobDownload(std::string what, const Digest& digest, std::uint64_t size, const Sink& sink)
    : what_{std::move(what)}, digest_{digest.text()}, size_{size}, sink_{sink}, check_{what_, digest, size} {}

void BlobDownload::read_from(RegistrySession& session) {
    etag_.clear();
    const std::uint64_t progress = std::min(kProgress, size_ / kProgressPart);
    bool by_range = given_ > 0;
    int idle = 0;
    for (int requests = 1;; ++requests) {
        const std::uint64_t before = given_;
        const Ending ending = ask(session, by_range);
        if (ending == Ending::complete) return check_.finish();
        const bool was_second_whole = is_whole_ && before > 0;
        if (was_second_whole || requests == kMostRequests) give_up();
        if (ending == Ending::range_refused) {
            by_range = false;  // at once: the server is well, it only does not give ranges
            continue;
        }
        idle = given_ - before > progress ? 0 : idle + 1;
        if (idle >= kMostIdleRequests || !session.wait_before_next(idle + 1)) give_up();
        by_range = given_ > 0;
    }
}

BlobDownload::Ending BlobDownload::ask(RegistrySession& session, bool by_range) {
    RegistryRequest request{.path = "blobs/" + digest_, .most_bytes = UINT64_MAX};
    if (by_range) {
        request.headers.push_back(fmt::format("Range: bytes={}-", given_));
        if (!etag_.empty()) request.headers.push_back("If-Range: " + etag_);
    }
    bool refused = false;
    bool has_answered = false;
    is_whole_ = !by_range;
    to_skip_ = by_range ? 0 : given_;
    request.on_head = [&](const HttpResponse& head) {
        has_answered = true;
        look_at_head(head, by_range, refused);
    };
    HttpResponse response;
    try {
        response = session.perform(request, [this](std::string_view bytes) { take(bytes); });
    } catch (const Error& error) {
        if (sink_failed_ || !may_go_on(error.code())) throw;
        last_failure_ = error;
        last_failure_->prepend(what_);
        if (!has_answered) throw Error{*last_failure_};  // the session had its patience
        return refused ? Ending::range_refused : Ending::broke_off;
    }
    return judge(response, session, by_range);
}

BlobDownload::Ending BlobDownload::judge(const HttpResponse& response, RegistrySession& session, bool by_range) {
    if (response.status == kRangeNotSatisfiable && by_range) {
        last_failure_ = Error{Errc::truncated, fmt::format("{} does not give the bytes of {} from {} on (HTTP 416)",
                                                           session.endpoint().host, what_, given_)};
        return Ending::range_refused;
    }
    if (response.status == kNotFound) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("{} is missing in the registry {}", what_, session.endpoint().host)};
    }
    if (response.status != kOk && response.status != kPartialContent) throw refusal(session.endpoint(), response);
    if (given_ == size_) return Ending::complete;
    const Error ended{Errc::truncated, fmt::format("{} ended after {} of {} bytes", what_, given_, size_)};
    // A server that announces fewer bytes has no more of them.
    if (response.status == kOk && !response.field("content-length").empty()) throw Error{ended};
    last_failure_ = ended;
    return Ending::broke_off;
}

void BlobDownload::give_up() const {
    // It may pass: not the reason of bytes that are not there.
    throw Error{Errc::unreachable, last_failure_->what()}.with_remedy(last_failure_->remedy());
}

void BlobDownload::look_at_head(const HttpResponse& head, bool by_range, bool& refused) {
    const std::string etag = head.field("etag");
    const bool is_strong = is_strong_etag(etag);
    if (by_range && head.status == kPartialContent) {
        const auto range = parse_content_range(head.field("content-range"));
        const bool is_rest = range && range->first == given_ && range->size.value_or(size_) == size_;
        const bool is_same = etag_.empty() || !is_strong || etag == etag_;
        if (is_rest && is_same) return;
        refused = true;
        throw Error{Errc::truncated, fmt::format("asked for the bytes from {} on, the server gives {}", given_,
                                                 is_rest ? "those of something else (another ETag)" : "others")};
    }
    if (head.status != kOk) {
        throw Error{Errc::unreachable, fmt::format("HTTP {} is no answer to a request for a blob", head.status)};
    }
    is_whole_ = true;
    to_skip_ = given_;
    etag_ = is_strong ? etag : std::string{};
}

void BlobDownload::take(std::string_view bytes) {
    const std::uint64_t skipped = std::min<std::uint64_t>(to_skip_, bytes.size());
    const bool is_call_only = bytes.empty();
    bytes.remove_prefix(static_cast<std::size_t>(skipped));
    to_skip_ -= skipped;
    if (bytes.empty() && !is_call_only) return;
    check_.take(bytes);
    given_ += bytes.size();
    try {
        sink_(bytes);
    } catch (...) {
        sink_failed_ = true;
        throw;
    }
}

void read_blob(RegistrySession& session, const std::string& what, const Digest& digest, std::uint64_t size,
               const ArtifactSource::Sink& sink) {
    BlobDownload{what, digest, size, sink}.read_from(session);
}

}  // namespace overdrive
