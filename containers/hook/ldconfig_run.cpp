#include "hook/ldconfig_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "hook/confinement.hpp"
#include "hook/container_root.hpp"
#include "hook/elf_file.hpp"
#include "hook/linker_config.hpp"
#include "hook/mount_calls.hpp"
#include "support/error.hpp"
#include "support/root.hpp"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U  // Linux 6.3: where memory files are not executable unless asked for
#endif

namespace overdrive {

namespace {

constexpr int kMostMilliseconds = 60'000;
constexpr std::size_t kMostBytes = 64U << 20U;

UniqueFd memory_file() {
    UniqueFd fd{memfd_create("ldconfig", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC)};
    if (!fd && errno == EINVAL) fd = UniqueFd{memfd_create("ldconfig", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!fd) throw Error::from_errno(Errc::io, errno, "make a file in memory for ldconfig");
    return fd;
}

/// What was checked is what runs: a copy that nobody can write to any more.
UniqueFd sealed_copy(const std::string& path) {
    const UniqueFd source{openat(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!source)
        throw Error::from_errno(Errc::io, errno, fmt::format("open the host's ldconfig '{}'", path))
            .with_remedy("name the host's ldconfig with --ldconfig-path in the CDI spec");
    UniqueFd copy = memory_file();
    write_all(copy.get(), read_all(source.get(), path, kMostBytes), "the copy of ldconfig in memory");
    if (fcntl(copy.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        throw Error::from_errno(Errc::io, errno, "seal the copy of ldconfig in memory");
    if (!is_static_program(copy.get()))
        throw Error{Errc::unsupported,
                    fmt::format("'{}' is no static program; in the container it would run the image's code "
                                "with the host's rights",
                                path)}
            .with_remedy("name a static ldconfig with --ldconfig-path in the CDI spec");
    return copy;
}

[[noreturn]] void become_ldconfig(const UniqueFd& program, const std::vector<std::string>& folders) {
    // -i: no aux-cache, which is the image's and would be believed.
    std::vector<std::string> words{"ldconfig", "-i", "-f", std::string{kLinkerConfig}, "-C", "/etc/ld.so.cache"};
    words.insert(words.end(), folders.begin(), folders.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char* environment[] = {nullptr};
    dup2(STDERR_FILENO, STDOUT_FILENO);
    syscall(SYS_execveat, program.get(), "", arguments.data(), environment, AT_EMPTY_PATH);
    throw Error::from_errno(Errc::io, errno, "start the copy of ldconfig in memory");
}

[[noreturn]] void child(const UniqueFd& tree, const UniqueFd& program,
                        const std::vector<std::string>& folders) noexcept {
    try {
        shut_in(tree);
        become_ldconfig(program, folders);
    } catch (const std::exception& error) {
        static_cast<void>(fmt::print(stderr, "overdrive-cdi-hook: prepare for ldconfig: {}\n", error.what()));
    }
    _exit(126);
}

/// Waits for the child; kills it, and with it its pid namespace, when it takes too long.
void wait_for(pid_t pid) {
    const UniqueFd handle{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))};
    pollfd watched{handle.get(), POLLIN, 0};
    int ready = 0;
    while ((ready = handle ? poll(&watched, 1, kMostMilliseconds) : 1) < 0 && errno == EINTR) continue;
    if (ready == 0) kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) throw Error::from_errno(Errc::io, errno, "wait for ldconfig");
    }
    if (ready == 0) throw Error{Errc::io, "ldconfig was stopped: it took more than a minute in this container"};
    if (WIFSIGNALED(status)) throw Error{Errc::io, fmt::format("ldconfig was killed by signal {}", WTERMSIG(status))};
    if (WEXITSTATUS(status) != 0)
        throw Error{Errc::io,
                    fmt::format("ldconfig failed with exit status {}; what it said stands above", WEXITSTATUS(status))};
}

}  // namespace

std::string host_ldconfig(std::string path) {
    constexpr std::string_view kReal = ".real";
    if (path.starts_with('@')) path.erase(0, 1);
    if (path.ends_with(kReal)) path.resize(path.size() - kReal.size());
    const std::string real = path + std::string{kReal};
    struct stat status {};
    return stat(real.c_str(), &status) == 0 ? real : path;
}

void run_ldconfig(const ContainerRoot& root, const std::string& path, const std::vector<std::string>& folders) {
    const UniqueFd program = sealed_copy(host_ldconfig(path));
    // A copy of the container's tree of mounts, taken while its descriptor belongs to this namespace.
    const UniqueFd tree =
        attempting("copy the container's mounts for ldconfig", [&] { return copy_of_mount(root.fd(), "", true); });
    if (unshare(CLONE_NEWPID) != 0) throw Error::from_errno(Errc::io, errno, "make a pid namespace for ldconfig");
    const pid_t pid = fork();
    if (pid < 0) throw Error::from_errno(Errc::io, errno, "start a process for ldconfig");
    if (pid == 0) child(tree, program, folders);
    wait_for(pid);
}

}  // namespace overdrive
