// How often openat2 is asked again when a rename ran beside it (E12). The kernel's answers are made by a seccomp
// filter, in a child process, so that they come in the number that a case wants.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "support/root.hpp"

namespace overdrive {
namespace {

volatile std::sig_atomic_t asked = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): of the handler
volatile std::sig_atomic_t busy_answers =
    0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): of the handler

constexpr int kGivenDescriptor = 99;

void answer(int /*signal*/, siginfo_t* /*info*/, void* context) {
    const long result = asked < busy_answers ? -EAGAIN : kGivenDescriptor;
    asked = asked + 1;
    auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    machine.gregs[REG_RAX] = result;
#elif defined(__aarch64__)
    machine.regs[0] = static_cast<unsigned long long>(result);
#else
#error "where does a system call's result go on this machine?"
#endif
}

void answer_openat2_ourselves() {
    struct sigaction action {};
    action.sa_sigaction = answer;
    action.sa_flags = SA_SIGINFO;
    std::array<sock_filter, 4> program{
        sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_openat2},
        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP},
        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    if (sigaction(SIGSYS, &action, nullptr) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(2);
}

/// Opens in a child that gets EAGAIN `busy` times. @return its exit code: 0 when it was asked and answered as expected
int open_in_child(int busy, int expected_descriptor, int expected_calls) {
    const pid_t child = fork();
    if (child == 0) {
        busy_answers = busy;
        answer_openat2_ourselves();
        const int got = open_beneath(AT_FDCWD, "a/../b", O_PATH, 0, RESOLVE_BENEATH);
        const bool as_expected = got == expected_descriptor && (got >= 0 || errno == EAGAIN) && asked == expected_calls;
        _exit(as_expected ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(OpenBeneath, IsAskedAgain128TimesAndThenFails) { EXPECT_EQ(open_in_child(1000, -1, 129), 0); }
TEST(OpenBeneath, OpensAfter128Refusals) { EXPECT_EQ(open_in_child(128, kGivenDescriptor, 129), 0); }
TEST(OpenBeneath, AsksOnceWhenNothingRunsBeside) { EXPECT_EQ(open_in_child(0, kGivenDescriptor, 1), 0); }

}  // namespace
}  // namespace overdrive
