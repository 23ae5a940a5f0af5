// Stand-in for nvidia-persistenced: a daemon with the real one's options, pid file and socket.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RUN_DIRECTORY "/var/run/nvidia-persistenced"
#define PID_FILE RUN_DIRECTORY "/nvidia-persistenced.pid"
#define SOCKET RUN_DIRECTORY "/socket"

struct account {
    unsigned int uid, gid;
};

static _Noreturn void die(const char* what) {
    fprintf(stderr, "nvidia-persistenced (stand-in) failed to %s: %s\n", what, strerror(errno));
    exit(1);
}

// Looks the user up in /etc/passwd: a static program has no name service.
static int find_account(const char* name, struct account* found) {
    char line[512];
    FILE* passwd = fopen("/etc/passwd", "re");
    int result = 0;
    while (passwd != NULL && !result && fgets(line, sizeof line, passwd) != NULL) {
        const size_t length = strcspn(line, ":");
        if (length != strlen(name) || strncmp(line, name, length) != 0) continue;
        result = sscanf(line + length, ":%*[^:]:%u:%u:", &found->uid, &found->gid) == 2;
    }
    if (passwd != NULL) fclose(passwd);
    return result;
}

static void become(const char* user) {
    struct account account;
    if (!find_account(user, &account)) {
        fprintf(stderr, "nvidia-persistenced (stand-in): no user '%s' in /etc/passwd\n", user);
        exit(1);
    }
    if (geteuid() != 0) return;  // as the real one: only root can change its user
    if (chown(RUN_DIRECTORY, account.uid, account.gid) != 0) die("give " RUN_DIRECTORY " to the user");
    if (setgid(account.gid) != 0 || setuid(account.uid) != 0) die("become the user");
}

static void write_pid_file(void) {
    FILE* file = fopen(PID_FILE, "we");
    if (file == NULL) die("create " PID_FILE);
    fprintf(file, "%d\n", (int)getpid());
    if (fclose(file) != 0) die("write " PID_FILE);
}

static void listen_on_socket(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(SOCKET);
    if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 4) != 0)
        die("listen on " SOCKET);
}

// Blocks the signals that stop the daemon; a stop that comes before the wait is kept.
static sigset_t hold_stop_signals(void) {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    return stop;
}

// The daemon. Tells the parent through `ready` when the pid file and the socket are there.
static void serve(int ready) {
    const sigset_t stop = hold_stop_signals();
    int signal_number = 0;
    setsid();
    listen_on_socket();
    write_pid_file();
    if (write(ready, "r", 1) != 1) die("report readiness");
    close(ready);
    while (sigwait(&stop, &signal_number) != 0) continue;
    unlink(SOCKET);
    unlink(PID_FILE);
}

int main(int argc, char** argv) {
    static const struct option options[] = {{"user", required_argument, NULL, 'u'},
                                            {"verbose", no_argument, NULL, 'V'},
                                            {"persistence-mode", no_argument, NULL, 'p'},
                                            {"no-persistence-mode", no_argument, NULL, 'P'},
                                            {"uvm-persistence-mode", no_argument, NULL, 'U'},
                                            {"nvidia-cfg-path", required_argument, NULL, 'c'},
                                            {"version", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    const char* user = NULL;
    for (int option; (option = getopt_long(argc, argv, "u:Vv", options, NULL)) != -1;) {
        if (option == '?') return 1;
        if (option == 'u') user = optarg;
        if (option == 'v') return puts("nvidia-persistenced (overdrive stand-in):  version " STAND_IN_VERSION), 0;
    }
    if (mkdir(RUN_DIRECTORY, 0755) != 0 && errno != EEXIST) die("create " RUN_DIRECTORY);
    if (user != NULL) become(user);
    // Holds the control device, so that the modules are busy while the daemon runs.
    (void)!open("/dev/nvidiactl", O_RDWR | O_CLOEXEC);
    const int gpu = open("/dev/nvidia0", O_RDWR | O_CLOEXEC);
    if (gpu >= 0) close(gpu);

    // The parent leaves only when the daemon is ready, as a forking unit expects.
    int ready[2];
    char byte = 0;
    if (pipe(ready) != 0) die("make a pipe");
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        close(ready[0]);
        serve(ready[1]);
        return 0;
    }
    close(ready[1]);
    return read(ready[0], &byte, 1) == 1 ? 0 : 1;
}
