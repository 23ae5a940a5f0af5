#include "support/directory_watch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace overdrive {

namespace {

using std::chrono::milliseconds;

/// One change of ours is several events: a file is written beside, renamed, and a mark follows.
constexpr milliseconds kQuiet{50};
constexpr milliseconds kMostUnrest{500};

/// @return whether something can be read; false also when a signal came
bool becomes_readable(int fd, milliseconds most) {
    pollfd watched{fd, POLLIN, 0};
    return poll(&watched, 1, static_cast<int>(std::clamp<long long>(most.count(), 0, 24LL * 3600 * 1000))) > 0;
}

}  // namespace

bool DirectoryWatch::add(std::string_view path, bool is_parent) {
    const auto place = root_.open_if_exists(path, O_PATH | O_DIRECTORY);
    if (!place) return false;
    const std::uint32_t events =
        IN_CREATE | IN_MOVED_TO | (is_parent ? 0U : IN_DELETE | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE_SELF);
    watched_ = inotify_add_watch(events_.get(), fmt::format("/proc/self/fd/{}", place->get()).c_str(), events);
    only_parent_ = is_parent;
    return watched_ >= 0;
}

void DirectoryWatch::begin() {
    if (!events_) events_ = UniqueFd{inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (!events_ || (watched_ >= 0 && !only_parent_)) return;
    const int parent = watched_;
    if (add(directory_, false)) {
        if (parent >= 0) static_cast<void>(inotify_rm_watch(events_.get(), parent));
    } else if (parent < 0) {
        static_cast<void>(add(directory_.substr(0, directory_.rfind('/')), true));
    }
}

void DirectoryWatch::drain() {
    alignas(inotify_event) std::array<char, 4096> buffer{};
    ssize_t got = 0;
    while ((got = ::read(events_.get(), buffer.data(), buffer.size())) > 0) {
        for (const char* at = buffer.data(); at < buffer.data() + got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(at);  // NOLINT(*-reinterpret-cast): inotify(7)
            if ((event->mask & IN_IGNORED) != 0 && event->wd == watched_) watched_ = -1;  // the directory is gone
            at += sizeof(inotify_event) + event->len;
        }
    }
}

void DirectoryWatch::wait(milliseconds most) {
    begin();
    if (watched_ < 0) {
        poll(nullptr, 0, static_cast<int>(std::clamp<long long>(most.count(), 0, 24LL * 3600 * 1000)));
        return;
    }
    if (!becomes_readable(events_.get(), most)) return;
    const auto end = std::chrono::steady_clock::now() + kMostUnrest;
    do drain();
    while (std::chrono::steady_clock::now() < end && becomes_readable(events_.get(), kQuiet));
}

}  // namespace overdrive
