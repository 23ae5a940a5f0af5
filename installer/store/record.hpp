#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/driver_id.hpp"
#include "model/foreign_units.hpp"
#include "model/pair.hpp"
#include "support/error.hpp"

namespace overdrive {

/// A pair that was tried and failed, or during whose activation the node stopped. A failed one is tried at most once a
/// boot.
struct Attempt {
    Pair pair;
    std::string boot_id;  ///< the boot of the last try
    std::string reason;   ///< reason code and message, for people
    /// Boots that ended while it was being activated, in a row: it may be what stopped them.
    std::uint64_t interrupted = 0;
    friend bool operator==(const Attempt&, const Attempt&) = default;
};

/// Something that happened to this host's driver.
struct Event {
    std::chrono::seconds at{0};  ///< wall clock, which may be wrong at boot
    std::string verb;            ///< `install`, `activate` ...
    std::optional<Pair> pair;
    std::string outcome;  ///< one word: `installed`, `activated`, `pending`, `failed`, `returned`, `rolled-back` ...
    std::string detail;   ///< for people; may be empty
    friend bool operator==(const Event&, const Event&) = default;
};

/// The operator went back to an older driver; it stays wanted until the configuration wishes something else than it did
/// then, or the operator installs something.
struct RolledBack {
    std::optional<std::string> configured;  ///< the configuration's wish at that time
    Pair from;
    Pair to;
    friend bool operator==(const RolledBack&, const RolledBack&) = default;
};

/// A pair that was fetched for an OS release before that ran.
struct Staged {
    Pair pair;
    std::string os;  ///< the pending OS as its source writes it, for people
    friend bool operator==(const Staged&, const Staged&) = default;
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
    static constexpr int kSchema = 3;
    /// Schema 1 had no history, no rolled_back, no serials and no attempts[].interrupted, schema 2 no foreign and
    /// no staged: a program that reads them loses only these.
    static constexpr int kMinReader = 1;
    static constexpr std::size_t kMostEvents = 100;

    std::optional<std::string> wanted;      ///< a driver id or branch, as DriverWish reads it
    std::optional<Pair> desired;            ///< the pair that was installed last
    std::map<std::string, Pair> last_good;  ///< by kernel release
    std::optional<Pair> pending;            ///< takes effect at the next boot
    std::optional<Staged> staged;           ///< for the OS release that is pending, or was
    std::vector<Attempt> attempts;
    std::vector<OwnedPath> owned;
    std::vector<ForeignUnit> foreign;  ///< files of others for units of our names; they come back on uninstall
    std::optional<RolledBack> rolled_back;
    /// The signed serials of what was installed, by `repository:tag`: what comes from there later must reach them.
    std::map<std::string, std::uint64_t> serials;
    std::vector<Event> history;  ///< oldest first, at most kMostEvents
    /// Fields that a newer program wrote and allows us to read past: JSON by name, written back as they were.
    std::map<std::string, std::string> unknown;

    /// Adds to the history, dropping the oldest beyond kMostEvents.
    void add_event(Event event);
    /// The attempt that is remembered for a pair; nullptr when there is none.
    [[nodiscard]] const Attempt* attempt(const Pair& pair) const noexcept;
    /// Remembers an attempt in place of an earlier one of the same pair.
    void remember(Attempt attempt);
    void forget_attempt(const Pair& pair);

    /// @throws Error bad_record: damaged (no JSON, checksum wrong, a field malformed), or written by a newer program
    [[nodiscard]] static Record parse(std::string_view text);
    /// Whether a newer program wrote it: not ours to read, and never to be written over.
    [[nodiscard]] static bool is_newer(std::string_view text) noexcept;
    [[nodiscard]] std::string to_json() const;
    friend bool operator==(const Record&, const Record&) = default;
};

/// What one look at the record's file found: a record, a fault, or neither when there is no file.
struct RecordLook {
    std::optional<Record> record;
    std::optional<Error> fault;  ///< bad_record: it is damaged, or
    bool is_newer = false;       ///< a newer program wrote it: not ours to read, and never to be written over
};

}  // namespace overdrive
