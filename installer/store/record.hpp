#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/driver_id.hpp"
#include "model/pair.hpp"

namespace overdrive {

/// A pair that was tried and failed; it is tried at most once a boot.
struct Attempt {
    Pair pair;
    std::string boot_id;
    std::string reason;  ///< reason code and message, for people
    friend bool operator==(const Attempt&, const Attempt&) = default;
};

/// Something on the host that we made and may remove again.
struct OwnedPath {
    std::string path;    ///< host path
    std::string kind;    ///< `file`, `link`, `directory`
    std::string sha256;  ///< hex, of a file's content or a link's target as we wrote it; empty for a directory
    friend bool operator==(const OwnedPath&, const OwnedPath&) = default;
};

/// What the program knows from one run to the next. Writing it is the commit point of an install.
struct Record {
    static constexpr int kSchema = 1;

    std::optional<std::string> wanted;      ///< a driver id or branch, as DriverWish reads it
    std::optional<Pair> desired;            ///< the pair that was installed last
    std::map<std::string, Pair> last_good;  ///< by kernel release
    std::optional<Pair> pending;            ///< takes effect at the next boot
    std::vector<Attempt> attempts;
    std::vector<OwnedPath> owned;

    /// @throws Error bad_record: damaged (no JSON, checksum wrong, a field malformed), or written by a newer program
    [[nodiscard]] static Record parse(std::string_view text);
    /// Whether a newer program wrote it: not ours to read, and never to be written over.
    [[nodiscard]] static bool is_newer(std::string_view text) noexcept;
    [[nodiscard]] std::string to_json() const;
    friend bool operator==(const Record&, const Record&) = default;
};

}  // namespace overdrive
