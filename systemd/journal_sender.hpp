#pragma once

#include "ports/log_entry.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Adds entries with fields to the host's journal by journald's native protocol. libsystemd speaks it too, but only to
/// the socket of its own `/`.
/// @see https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
class JournalSender {
public:
    explicit JournalSender(const Root& root) : root_{root} {}

    /// An entry that cannot be delivered, because there is no journald or its queue is full, is dropped: nothing waits
    /// for a journal.
    void send(const LogEntry& entry) const noexcept;

private:
    const Root& root_;
};

}  // namespace overdrive
