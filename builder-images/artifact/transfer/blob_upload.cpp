#include "builder-images/artifact/transfer/blob_upload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "builder-images/artifact/transfer/registry_refusal.hpp"
#include "builder-images/artifact/transfer/upload_place.hpp"
#include "registry/http_fields.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

constexpr int kMostFailures = 5;  ///< of one piece, without any byte more at the registry
constexpr int kMostRestarts = 3;
constexpr std::uint64_t kMostPieceBytes = 256U << 20U;
constexpr const char* kOctets = "Content-Type: application/octet-stream";

/// The registry has the upload no more, or has it otherwise than it was sent.
struct UploadLost {
    Error why;
};

bool may_pass(const Error& error) { return error.code() == Errc::unreachable || error.code() == Errc::truncated; }

/// OCI-Chunk-Min-Length: what a registry wants a piece to have at least; 0 when it says nothing.
std::uint64_t least_piece(const HttpResponse& response) {
    const std::string text = response.field("oci-chunk-min-length");
    std::uint64_t bytes = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), bytes);
    return failure == std::errc{} && end == text.data() + text.size() ? std::min(bytes, kMostPieceBytes) : 0;
}

}  // namespace

BlobUpload::BlobUpload(RegistrySession& session, UploadSettings settings, const BlobDescriptor& blob,
                       const BlobOrigin& origin)
    : session_{session}, settings_{settings}, blob_{blob}, origin_{origin} {}

BlobMove BlobUpload::run() {
    for (int failures = 0;; ++failures) {
        try {
            if (begin() == Begun::mounted) return BlobMove::mounted;
            send_all();
            finish();
            return BlobMove::uploaded;
        } catch (const UploadLost& lost) {
            if (is_there()) return BlobMove::uploaded;
            if (failures == kMostRestarts || !session_.wait_before_next(failures + 1)) throw lost.why;
            tell_sent(0);
        }
    }
}

BlobUpload::Begun BlobUpload::begin() {
    const bool mountable = origin_.host == session_.endpoint().host && !origin_.repository.empty() &&
                           origin_.repository != session_.endpoint().repository;
    if (mountable) {
        try {
            return post(mount_path(blob_.digest, origin_.repository), {origin_.repository});
        } catch (const Error& error) {
            // A login that may not read over there, or a registry that cannot mount: the blob is sent instead.
            if (may_pass(error)) throw;
        }
    }
    return post("blobs/uploads/", {});
}

BlobUpload::Begun BlobUpload::post(const std::string& query, const std::vector<std::string>& also_pull_from) {
    const HttpResponse response = session_.perform({.method = "POST",
                                                    .path = query,
                                                    .most_bytes = kMostRefusalBytes,
                                                    .body = HttpBody{0, [](std::size_t) { return ""; }},
                                                    .rewind = [] {},
                                                    .actions = "pull,push",
                                                    .also_pull_from = also_pull_from},
                                                   {});
    if (response.status == 201) return Begun::mounted;
    if (response.status != 202) throw refusal(response);
    keep_location(response);
    piece_bytes_ = std::max(settings_.piece_bytes, least_piece(response));
    return Begun::open;
}

void BlobUpload::send_all() {
    piece_.clear();
    at_ = 0;
    in_pieces_ = false;
    origin_.read([this](std::string_view bytes) { take(bytes); });
}

void BlobUpload::take(std::string_view bytes) {
    while (!bytes.empty()) {
        if (piece_.size() == piece_bytes_) send_piece();
        const std::size_t some = std::min<std::size_t>(piece_bytes_ - piece_.size(), bytes.size());
        piece_.append(bytes.substr(0, some));
        bytes.remove_prefix(some);
    }
}

void BlobUpload::send_piece() {
    in_pieces_ = true;
    for (int failures = 0; !piece_.empty();) {
        stop_if_interrupted();
        const std::uint64_t before = at_;
        try {
            patch();
        } catch (const Error& error) {
            if (!may_pass(error) || failures == kMostFailures || !session_.wait_before_next(failures + 1)) throw;
            go_on_from(ask_how_much());
        }
        failures = at_ > before ? 0 : failures + 1;
        if (failures > kMostFailures)
            throw UploadLost{{Errc::unreachable, fmt::format("{} takes nothing more of blob {}",
                                                             session_.endpoint().host, blob_.digest.text())}};
    }
}

void BlobUpload::patch() {
    const HttpResponse response =
        send("PATCH", location_, {kOctets, "Content-Range: " + piece_range(at_, piece_.size())}, piece_);
    if (response.status == 202) {
        keep_location(response);
        go_on_from(parse_uploaded_range(response.field("range")).value_or(at_ + piece_.size()));
        return;
    }
    if (response.status == 416) return go_on_from(ask_how_much());
    if (response.status == 404) throw UploadLost{refusal(response)};
    throw refusal(response);
}

void BlobUpload::go_on_from(std::uint64_t have) {
    if (have < at_ || have > at_ + piece_.size()) {
        throw UploadLost{{Errc::unreachable,
                          fmt::format("{} has {} bytes of an upload of blob {}, {} to {} were sent",
                                      session_.endpoint().host, have, blob_.digest.text(), at_, at_ + piece_.size())}};
    }
    piece_.erase(0, have - at_);
    at_ = have;
    tell_sent(at_);
}

std::uint64_t BlobUpload::ask_how_much() {
    const HttpResponse response = session_.perform(
        {.method = "GET", .path = location_, .most_bytes = kMostRefusalBytes, .actions = "pull,push"}, {});
    const auto have = parse_uploaded_range(response.field("range"));
    if (response.status / 100 != 2 || !have) throw UploadLost{refusal(response)};
    if (!response.field("location").empty()) keep_location(response);
    return *have;
}

void BlobUpload::finish() {
    if (in_pieces_ && !piece_.empty()) send_piece();
    HttpResponse response;
    try {
        response = send("PUT", with_digest(location_, blob_.digest), {kOctets}, piece_);
    } catch (const Error& error) {
        if (may_pass(error)) throw UploadLost{error};  // it may have arrived all the same
        throw;
    }
    // 400: the digest or size differs, 404: the upload is not known, 416: pieces are missing.
    if (response.status == 400 || response.status == 404 || response.status == 416) throw UploadLost{refusal(response)};
    if (response.status != 201 && response.status != 204) throw refusal(response);
    if (const std::string said = response.field("docker-content-digest"); !said.empty() && said != blob_.digest.text())
        throw Error{Errc::digest_mismatch, fmt::format("{} keeps blob {} as '{}'", session_.endpoint().host,
                                                       blob_.digest.text(), said.substr(0, 100))};
    tell_sent(blob_.size);
}

bool BlobUpload::is_there() {
    return session_.perform({.method = "HEAD", .path = "blobs/" + blob_.digest.text(), .actions = "pull,push"}, {})
               .status == 200;
}

void BlobUpload::keep_location(const HttpResponse& response) {
    location_ = absolute_url(session_.endpoint(), response.field("location"));
}

HttpResponse BlobUpload::send(const std::string& method, const std::string& url, std::vector<std::string> headers,
                              std::string_view body) {
    std::size_t given = 0;
    const auto next = [&, this](std::size_t most) {
        stop_if_interrupted();
        const std::string_view some = body.substr(given, most);
        given += some.size();
        tell_sent(at_ + given);
        return some;
    };
    return session_.perform({.method = method,
                             .path = url,
                             .headers = std::move(headers),
                             .most_bytes = kMostRefusalBytes,
                             .body = HttpBody{body.size(), next},
                             .rewind = [&] { given = 0; },
                             .actions = "pull,push",
                             .only_login_again = true},
                            {});
}

void BlobUpload::tell_sent(std::uint64_t bytes_of_blob) {
    origin_.moved(static_cast<std::int64_t>(bytes_of_blob) - static_cast<std::int64_t>(told_));
    told_ = bytes_of_blob;
}

Error BlobUpload::refusal(const HttpResponse& response) const {
    const std::string repository = fmt::format("{}/{}", session_.endpoint().host, session_.endpoint().repository);
    return registry_refusal(fmt::format("push blob {} to {}", blob_.digest.text(), repository), repository, response);
}

}  // namespace overdrive
