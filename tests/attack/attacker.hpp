#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace overdrive {

/// The names in a staging tree that the attacker exchanges with links to the canary.
inline constexpr const char* kEvilLink = ".evil";

/// Exchanges, in a thread of its own and without a pause, the directories of one tree with a link that lies beside
/// them. It never follows a link itself: what it does stays in the tree.
class Attacker {
public:
    Attacker();
    Attacker(const Attacker&) = delete;
    Attacker& operator=(const Attacker&) = delete;
    ~Attacker();

    /// From the return on the tree behind `directory` is attacked, and no other. @param directory -1: none
    void attack(int directory);
    [[nodiscard]] std::uint64_t exchanges() const noexcept { return exchanges_; }

private:
    void run();

    std::atomic<int> directory_{-1};
    std::atomic<std::uint64_t> wanted_{0};  ///< counts the calls of attack()
    std::atomic<std::uint64_t> seen_{0};    ///< the last of them that the thread follows
    std::atomic<std::uint64_t> exchanges_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace overdrive
