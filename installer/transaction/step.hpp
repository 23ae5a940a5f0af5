#pragma once

#include <string_view>

#include "transaction/journal.hpp"

namespace overdrive {

/// One change of the host and how it is taken back.
class Step {
public:
    Step() = default;
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    virtual ~Step() = default;

    /// Its stable name in the journal: `point-current`.
    [[nodiscard]] virtual std::string_view id() const = 0;
    /// What it does, for messages: `point 'current' at 550.163.01-open/4081.2.1`.
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Whether a run after a power cut has to know that this had begun.
    [[nodiscard]] virtual Journal::Line journalled() const { return Journal::Line::passing; }
    /// Looks, remembers what undo needs, and may refuse; changes nothing.
    virtual void prepare() = 0;
    /// @return whether anything had to be changed @throws Error
    virtual bool apply() = 0;
    /// Takes back what `apply` did, also when it stopped half-way. @throws Error
    virtual void undo() = 0;
};

}  // namespace overdrive
