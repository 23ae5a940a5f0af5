#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "registry/registry_session.hpp"

namespace overdrive {

/// How blobs are uploaded.
struct UploadSettings {
    /// A blob up to this size is sent with one PUT, a larger one in pieces of it; so much memory is taken. A registry
    /// may ask for larger pieces.
    std::uint64_t piece_bytes = 16U << 20U;
};

/// One upload of one blob: POST, then PUT, or PATCH by PATCH and a PUT.
///
/// When a piece breaks off the registry is asked how much it has, and the rest follows; an upload that the registry has
/// forgotten, or that it has otherwise than it was sent, begins anew, a few times.
/// @see OCI distribution-spec, "Pushing blobs"
class BlobUpload {
public:
    /// All references must outlive this.
    BlobUpload(RegistrySession& session, UploadSettings settings, const BlobDescriptor& blob, const BlobOrigin& origin);

    /// @throws Error unreachable when nothing moves in spite of patience; what the registry refuses, in words; what
    ///         `origin.read` throws
    BlobMove run();

private:
    /// What became of a try.
    enum class Begun { mounted, open };

    Begun begin();
    Begun post(const std::string& query, const std::vector<std::string>& also_pull_from);
    void send_all();
    void take(std::string_view bytes);
    void send_piece();
    void patch();
    void finish();
    /// Goes on after the `have` bytes that the registry has.
    void go_on_from(std::uint64_t have);
    [[nodiscard]] std::uint64_t ask_how_much();
    [[nodiscard]] bool is_there();
    void keep_location(const HttpResponse& response);
    HttpResponse send(const std::string& method, const std::string& url, std::vector<std::string> headers,
                      std::string_view body);
    void tell_sent(std::uint64_t bytes_of_blob);
    [[nodiscard]] Error refusal(const HttpResponse& response) const;

    RegistrySession& session_;
    UploadSettings settings_;
    const BlobDescriptor& blob_;
    const BlobOrigin& origin_;
    std::string location_;
    std::uint64_t piece_bytes_ = 0;
    std::string piece_;       ///< read, not yet at the registry
    std::uint64_t at_ = 0;    ///< bytes of the blob before `piece_`; the registry has them
    std::uint64_t told_ = 0;  ///< bytes that `moved` was told of
    bool in_pieces_ = false;  ///< a PATCH has been sent
};

}  // namespace overdrive
