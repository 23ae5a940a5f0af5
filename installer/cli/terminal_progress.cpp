#include "cli/terminal_progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "verbs/sizes.hpp"

namespace overdrive {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
    return std::max(0.001, std::chrono::duration<double>(to - from).count());
}

std::uint64_t rate_of(std::uint64_t bytes, double seconds) {
    return static_cast<std::uint64_t>(static_cast<double>(bytes) / seconds);
}

}  // namespace

void TerminalProgress::begin(std::string_view what, std::uint64_t total_bytes) {
    what_ = what;
    total_bytes_ = total_bytes;
    done_bytes_ = 0;
    began_ = Clock::now();
    drawn_ = began_;
    if (!quiet_ && !is_terminal_) {
        fmt::print(stderr, "{}{}\n", what_, total_bytes_ > 0 ? " (" + human_bytes(total_bytes_) + ")" : std::string{});
    }
}

void TerminalProgress::advance(std::uint64_t bytes) {
    done_bytes_ += bytes;
    if (quiet_ || !is_terminal_) return;
    const auto now = Clock::now();
    if (now - drawn_ < std::chrono::milliseconds{100}) return;
    drawn_ = now;
    draw(now);
}

void TerminalProgress::draw(Clock::time_point now) {
    const double elapsed = seconds_between(began_, now);
    std::string line = fmt::format("{}: {}", what_, human_bytes(done_bytes_));
    if (total_bytes_ > 0)
        line += fmt::format(" of {} ({}%)", human_bytes(total_bytes_), done_bytes_ * 100 / total_bytes_);
    line += fmt::format(", {}/s", human_bytes(rate_of(done_bytes_, elapsed)));
    if (total_bytes_ > done_bytes_ && done_bytes_ > 0) {
        const double left =
            elapsed * static_cast<double>(total_bytes_ - done_bytes_) / static_cast<double>(done_bytes_);
        line += fmt::format(", {:.0f} s left", left);
    }
    fmt::print(stderr, "\r\033[K{}", line);
    static_cast<void>(std::fflush(stderr));
}

void TerminalProgress::end() {
    if (quiet_ || what_.empty()) return;
    const double elapsed = seconds_between(began_, Clock::now());
    if (is_terminal_) fmt::print(stderr, "\r\033[K");
    fmt::print(stderr, "{}: {} in {:.1f} s, {}/s\n", what_, human_bytes(done_bytes_), elapsed,
               human_bytes(rate_of(done_bytes_, elapsed)));
    what_.clear();
}

}  // namespace overdrive
