#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/digest.hpp"
#include "ports/artifact_source.hpp"
#include "registry/blob_check.hpp"
#include "registry/registry_session.hpp"
#include "support/error.hpp"

namespace overdrive {

/// The download of one blob, from one endpoint or several, each going on where the one before broke off. The sink sees
/// every byte once, in order; all of them are counted and hashed, so that bytes of one server that do not go with those
/// of another end in digest_mismatch.
///
/// What breaks off or stalls is asked for again from there (`Range`, with `If-Range` where the server gave a strong
/// ETag). Where a server does not give what is left (200, 416, a Content-Range that is not what was asked for, another
/// ETag) the whole is asked for once more, and what the sink has already is passed over. An endpoint is left after two
/// requests without progress, after a second whole that breaks off, and after kMostRequests in all. Progress is 1 MiB
/// or a quarter of the blob, so that a byte a second is none.
/// @see RFC 9110 13.1.5 and 14
class BlobDownload {
public:
    using Sink = ArtifactSource::Sink;
    static constexpr int kMostRequests = 100;

    /// @param what for messages: `modules blob sha256:...` @param sink must outlive the download
    BlobDownload(std::string what, const Digest& digest, std::uint64_t size, const Sink& sink);

    /// Reads all that is still missing; on return the blob is whole and verified.
    /// @throws Error incomplete_artifact: there is no such blob there; truncated: what is there is shorter; unreachable
    ///         (also when it broke off too often), login_refused, tls_refused: another endpoint may go on;
    ///         digest_mismatch; what the sink threw
    void read_from(RegistrySession& session);

    /// Whether the failure that left `read_from` came out of the sink: nobody else need be asked.
    [[nodiscard]] bool sink_failed() const noexcept { return sink_failed_; }

private:
    enum class Ending { complete, broke_off, range_refused };

    [[nodiscard]] Ending ask(RegistrySession& session, bool by_range);
    /// What an answer means that came to its end.
    [[nodiscard]] Ending judge(const HttpResponse& response, RegistrySession& session, bool by_range);
    void look_at_head(const HttpResponse& head, bool by_range, bool& refused);
    void take(std::string_view bytes);
    [[noreturn]] void give_up() const;

    std::string what_;
    std::string digest_;
    std::uint64_t size_;
    const Sink& sink_;
    BlobCheck check_;
    std::uint64_t given_ = 0;    ///< to the sink
    std::uint64_t to_skip_ = 0;  ///< of this answer: the sink has it already
    std::string etag_;           ///< of this endpoint, a strong one; empty when it gave none
    std::optional<Error> last_failure_;
    bool is_whole_ = false;  ///< the answer begins at the first byte
    bool sink_failed_ = false;
};

/// Reads one blob from one endpoint. @throws Error as BlobDownload::read_from
void read_blob(RegistrySession& session, const std::string& what, const Digest& digest, std::uint64_t size,
               const ArtifactSource::Sink& sink);

}  // namespace overdrive
