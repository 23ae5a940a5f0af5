#include "attack/attacker.hpp"

#include <fcntl.h>

#include <cstdio>

#include "attack/victims.hpp"

namespace overdrive {

Attacker::Attacker() : thread_{[this] { run(); }} {}

Attacker::~Attacker() {
    stop_ = true;
    ++wanted_;
    wanted_.notify_all();
    thread_.join();
}

void Attacker::attack(int directory) {
    directory_ = directory;
    const std::uint64_t now = ++wanted_;
    wanted_.notify_all();
    for (std::uint64_t seen = seen_; seen != now; seen = seen_) seen_.wait(seen);
}

void Attacker::run() {
    while (!stop_) {
        const std::uint64_t now = wanted_;
        const int directory = directory_;
        if (seen_.exchange(now) != now) seen_.notify_all();
        if (directory < 0) {
            wanted_.wait(now);
            continue;
        }
        for (const char* name : kAttackedDirectories) {
            if (renameat2(directory, name, directory, kEvilLink, RENAME_EXCHANGE) == 0) ++exchanges_;
        }
    }
}

}  // namespace overdrive
