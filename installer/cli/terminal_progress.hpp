#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ports/progress.hpp"

namespace overdrive {

/// Progress on stderr: one line that is redrawn on a terminal (bytes, rate, time left), a plain line at the start and
/// the end of each stretch elsewhere.
class TerminalProgress final : public Progress {
public:
    TerminalProgress(bool is_terminal, bool quiet) : is_terminal_{is_terminal}, quiet_{quiet} {}

    void begin(std::string_view what, std::uint64_t total_bytes) override;
    void advance(std::uint64_t bytes) override;
    void end() override;

private:
    void draw(std::chrono::steady_clock::time_point now);

    bool is_terminal_;
    bool quiet_;
    std::string what_;
    std::uint64_t total_bytes_ = 0;
    std::uint64_t done_bytes_ = 0;
    std::chrono::steady_clock::time_point began_;
    std::chrono::steady_clock::time_point drawn_;
};

}  // namespace overdrive
