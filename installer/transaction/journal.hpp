#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/pair.hpp"
#include "support/root.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

/// What a run was about to change, for the run that finds it unfinished.
struct JournalHeader {
    std::string verb;             ///< `install`, `activate` ...
    std::string program_version;  ///< of overdrive
    std::string boot_id;
    std::chrono::seconds at{0};  ///< wall clock
    std::optional<Pair> from;    ///< what was current
    std::optional<Pair> to;      ///< the pair that it publishes, removes or puts in force
    friend bool operator==(const JournalHeader&, const JournalHeader&) = default;
};

/// One journal as it was found.
struct JournalContent {
    static constexpr int kSchema = 1;
    static constexpr int kMinReader = 1;

    JournalHeader header;
    std::vector<std::string> steps;  ///< ids of the steps that had begun, in order; a newer program's may be unknown
    bool torn = false;               ///< the last line was half written: its step had not begun

    [[nodiscard]] bool began(std::string_view step) const noexcept;
    /// The step that was under way; empty when none had begun.
    [[nodiscard]] std::string_view last_step() const noexcept;

    /// Reads line by line, each with its own checksum, up to the first one that is torn.
    /// @return nullopt when not even the header is whole: nothing had begun
    /// @throws Error bad_record when a newer program wrote it and does not allow us to recover it
    [[nodiscard]] static std::optional<JournalContent> parse(std::string_view text);
    friend bool operator==(const JournalContent&, const JournalContent&) = default;
};

[[nodiscard]] std::string journal_line(const JournalHeader& header);
[[nodiscard]] std::string journal_line(std::string_view step);

/// The file in which the name of a step stands before the step applies. It is there only while a transaction runs:
/// found at the start of a run, it tells of one that was cut off.
class Journal {
public:
    enum class Policy {
        /// What cannot be journalled is not done, and every line is durable before its step applies.
        required,
        /// A full or read-only disk must not keep an installed driver from being activated: warns instead. A kill loses
        /// no line. A power cut ends all that an activation did but the steps that last: only theirs is durable, as at
        /// boot every sync holds up the node.
        best_effort
    };
    enum class Line { passing, lasting };

    /// @param path host path of the file @param root must outlive the journal
    Journal(const Root& root, std::string path, Policy policy = Policy::required);
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    ~Journal() = default;

    /// Begins a journal in place of any other; durable on return when required.
    /// @throws Error io, no_space, read_only when required
    void begin(const JournalHeader& header);
    /// Appends a step; durable on return, with all before it, when required or lasting. @throws Error as begin
    void step(std::string_view id, Line line);
    /// Ends the journal; durable on return when required. What a power cut brings back of another is of a transaction
    /// that was complete, and recovering that changes nothing; so it warns where it cannot be removed.
    void end();

private:
    void write(std::string_view what, const std::function<void()>& body);
    void sync();

    const Root& root_;
    std::string path_;
    Policy policy_;
    UniqueFd file_;
    bool entry_is_durable_ = false;
    bool gave_up_ = false;
};

/// nullopt when there is none. @throws Error bad_record as JournalContent::parse
[[nodiscard]] std::optional<JournalContent> read_journal(const Root& root, const std::string& path);

}  // namespace overdrive
