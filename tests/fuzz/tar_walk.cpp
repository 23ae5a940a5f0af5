#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "archive/decode_ahead.hpp"
#include "archive/tar_framing.hpp"
#include "fuzz/targets.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

struct Walk {
    bool refused = false;
    std::vector<std::uint64_t> members;  ///< type and size of each, until it was refused
    friend bool operator==(const Walk&, const Walk&) = default;
};

Walk walk(std::string_view bytes, std::size_t piece) {
    Walk result;
    TarFraming framing;
    std::uint64_t content = 0;
    const auto keep_members = [&] {
        for (const TarMember& member : framing.members()) {
            require_promise(member.type >= '0' && member.type <= '6', "a member is of a known type");
            require_promise(member.type == '0' || member.size == 0, "only files have content");
            result.members.push_back(static_cast<std::uint64_t>(member.type));
            result.members.push_back(member.size);
            content += member.size;
        }
        framing.members().clear();
    };
    try {
        for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
            framing.take(rest.substr(0, piece));
            keep_members();
        }
        framing.finish();
    } catch (const Error& error) {
        require_promise(error.code() == Errc::bad_archive, "a bad archive is told as one");
        result.refused = true;
    }
    keep_members();
    require_promise(result.refused || content <= bytes.size(), "what is accepted has its content");
    return result;
}

void decompress(std::string_view bytes, std::string_view media_type) {
    constexpr std::uint64_t kMost = 1U << 20U;
    constexpr std::size_t kPiece = 100;
    std::string_view rest = bytes;
    std::exception_ptr failure;
    const auto pull = [&] {
        const std::string_view piece = rest.substr(0, kPiece);
        rest.remove_prefix(piece.size());
        return piece;
    };
    const auto decoded = decode_ahead(media_type, pull, [&](const std::exception_ptr& what) { failure = what; });
    std::uint64_t total = 0;
    while (total < kMost) {
        const std::size_t got = decoded->next().size();
        if (got == 0) break;
        total += got;
    }
    if (total >= kMost || decoded->complete()) return;
    require_promise(failure != nullptr, "what is not complete says why");
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        require_promise(error.code() == Errc::bad_archive, "a bad stream is told as one");
    }
}

}  // namespace

void fuzz_tar_walk(std::string_view bytes) {
    const Walk whole = walk(bytes, std::max<std::size_t>(bytes.size(), 1));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{511}, std::size_t{513}})
        require_promise(walk(bytes, piece) == whole, "how the bytes are cut makes no difference");
}

void fuzz_compressed(std::string_view bytes) {
    decompress(bytes, "application/vnd.oci.image.layer.v1.tar+zstd");
    decompress(bytes, "application/vnd.oci.image.layer.v1.tar+gzip");
}

}  // namespace overdrive
