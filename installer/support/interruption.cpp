#include "support/interruption.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

#include "support/error.hpp"

namespace overdrive {

namespace {

// A signal handler reaches nothing but globals.
std::atomic<int> received{0};         // NOLINT(*-avoid-non-const-global-variables)
std::atomic<int> uninterruptible{0};  // NOLINT(*-avoid-non-const-global-variables)
static_assert(std::atomic<int>::is_always_lock_free, "the signal handler may only use a lock-free atomic");

extern "C" void remember_signal(int signal) { received = signal; }

}  // namespace

void watch_for_interruption() {
    struct sigaction action {};
    action.sa_handler = remember_signal;  // without SA_RESTART: a wait ends, and the loop around it looks here
    sigemptyset(&action.sa_mask);
    for (const int signal : std::array{SIGTERM, SIGINT, SIGHUP}) static_cast<void>(sigaction(signal, &action, nullptr));
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    static_cast<void>(sigaction(SIGPIPE, &ignore, nullptr));
}

bool is_interrupted() noexcept { return received != 0 && uninterruptible == 0; }

void stop_if_interrupted() {
    if (!is_interrupted()) return;
    throw Error{Errc::interrupted, fmt::format("stopped by signal {}", sigabbrev_np(received))}.with_remedy(
        "run it again: it goes on from what is installed");
}

Uninterruptible::Uninterruptible() noexcept { ++uninterruptible; }
Uninterruptible::~Uninterruptible() { --uninterruptible; }

}  // namespace overdrive
