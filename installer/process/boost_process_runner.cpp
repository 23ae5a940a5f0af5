#include "process/boost_process_runner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/group.hpp>
#include <boost/process/io.hpp>
#include <boost/process/posix.hpp>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <utility>

#include "support/error.hpp"
#include "support/interruption.hpp"
#include "support/root.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

namespace {

namespace bp = boost::process;
using Clock = std::chrono::steady_clock;

/// Marks every descriptor but 0, 1 and 2 to be closed by exec. Runs between fork and exec: system calls only.
///
/// Boost's own `limit_handles` (1.81) also closes the pipe through which the child reports that exec failed, so that a
/// missing program would look like one that failed.
void close_on_exec() noexcept {
    constexpr unsigned kFirst = 3;
    constexpr int kMostDescriptors = 65536;
    if (close_range(kFirst, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
    for (int fd = kFirst; fd < kMostDescriptors; ++fd)
        static_cast<void>(fcntl(fd, F_SETFD, FD_CLOEXEC));  // before 5.11
}

/// One started program, and the pipe with its output.
/// How often a wait looks whether a signal asks us to stop.
constexpr std::chrono::milliseconds kLookAgain{250};

class Running {
public:
    Running(const ProcessRequest& request, UniqueFd output, int input, int write_end, int errors)
        : child_{bp::exe = request.arguments.front(),
                 bp::args = std::vector<std::string>(request.arguments.begin() + 1, request.arguments.end()),
                 environment_of(request),
                 bp::posix::fd.bind(STDIN_FILENO, input),
                 bp::posix::fd.bind(STDOUT_FILENO, write_end),
                 bp::posix::fd.bind(STDERR_FILENO, errors),
                 bp::extend::on_exec_setup = [](auto& /*executor*/) { close_on_exec(); },
                 group_},
          output_{std::move(output)},
          most_{request.most_output},
          ended_{static_cast<int>(syscall(SYS_pidfd_open, child_.id(), 0))} {
        if (!ended_) {
            const int saved_errno = errno;
            kill_all();
            child_.wait();
            throw Error::from_errno(Errc::unsupported, saved_errno, "watch a helper program (pidfd_open)");
        }
    }

    /// Reads until the program has ended or the time is up.
    [[nodiscard]] ProcessResult finish(std::chrono::milliseconds timeout) {
        const auto deadline = Clock::now() + timeout;
        ProcessResult result;
        bool ended = false;
        while (!ended && !result.timed_out) {
            if (is_interrupted()) {
                kill_all();
                child_.wait();
                stop_if_interrupted();
            }
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
            if (left.count() <= 0)
                result.timed_out = true;
            else
                ended = wait_and_read(result.output,
                                      static_cast<int>(std::min<long long>(left.count(), kLookAgain.count())));
        }
        if (result.timed_out) kill_all();
        child_.wait();
        // What a pipe can hold, and no more: a daemon that was left behind may write for ever.
        for (int reads = 0; reads < 64 && read_some(result.output); ++reads) {
        }
        result.exit_code = exit_code();
        return result;
    }

private:
    static bp::environment environment_of(const ProcessRequest& request) {
        bp::environment environment;
        for (const auto& [name, value] : request.environment) environment[name] = value;
        return environment;
    }

    /// @return whether the program has ended
    bool wait_and_read(std::string& output, int milliseconds) {
        std::array<pollfd, 2> watched{{{ended_.get(), POLLIN, 0}, {output_.get(), POLLIN, 0}}};
        if (poll(watched.data(), watched.size(), milliseconds) < 0 && errno != EINTR) {
            const int saved_errno = errno;
            kill_all();
            child_.wait();
            throw Error::from_errno(Errc::io, saved_errno, "wait for a helper program");
        }
        if (watched[1].revents != 0) static_cast<void>(read_some(output));
        return watched[0].revents != 0;
    }

    /// Takes some of what is in the pipe, without waiting. What is over the limit is dropped, so that the program does
    /// not block on a full pipe.
    /// @return whether there may be more now
    bool read_some(std::string& output) {
        std::array<char, 16384> buffer{};
        const ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return errno == EINTR;
        if (got <= 0) {
            output_ = UniqueFd{};  // the end: poll skips a negative descriptor
            return false;
        }
        const std::size_t room = most_ - output.size();
        output.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
        return true;
    }

    void kill_all() {
        const pid_t pid = child_.id();
        if (::kill(-pid, SIGKILL) != 0) static_cast<void>(::kill(pid, SIGKILL));
    }

    [[nodiscard]] int exit_code() const {
        const int status = child_.native_exit_code();
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

    bp::group group_;
    bp::child child_;
    UniqueFd output_;
    std::size_t most_;
    UniqueFd ended_;
};

UniqueFd open_null() {
    UniqueFd null{::openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC)};
    if (!null) throw Error::from_errno(Errc::io, errno, "open '/dev/null'");
    return null;
}

/// A file without a name to read `text` from. Unlike a pipe it needs nobody who writes while the program runs, or after
/// it has stopped reading.
UniqueFd hold_in_memory(std::string_view text) {
    UniqueFd file{memfd_create("standard input", MFD_CLOEXEC)};
    if (!file) throw Error::from_errno(Errc::io, errno, "hold a helper's input in memory");
    write_all(file.get(), text, "a helper's input");
    if (lseek(file.get(), 0, SEEK_SET) != 0) throw Error::from_errno(Errc::io, errno, "rewind a helper's input");
    return file;
}

}  // namespace

ProcessResult BoostProcessRunner::run(const ProcessRequest& request) {
    if (request.arguments.empty() || !request.arguments.front().starts_with('/')) {
        throw Error{Errc::io, "a helper program is named by its absolute path"};
    }
    const std::string& program = request.arguments.front();
    std::array<int, 2> pipe{};
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) throw Error::from_errno(Errc::io, errno, "make a pipe");
    UniqueFd read_end{pipe[0]};
    UniqueFd write_end{pipe[1]};
    if (fcntl(read_end.get(), F_SETFL, O_NONBLOCK) != 0) throw Error::from_errno(Errc::io, errno, "set up a pipe");
    const UniqueFd null = open_null();
    const UniqueFd input = request.input.empty() ? UniqueFd{} : hold_in_memory(request.input);
    try {
        Running running{request, std::move(read_end), input ? input.get() : null.get(), write_end.get(),
                        request.errors_apart ? null.get() : write_end.get()};
        write_end = UniqueFd{};
        return running.finish(request.timeout);
    } catch (const std::system_error& error) {
        throw Error{Errc::io, fmt::format("start '{}': {}", program, error.code().message())};
    }
}

}  // namespace overdrive
