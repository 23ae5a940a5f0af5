#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "archive/tree_writer.hpp"
#include "attack/attacker.hpp"
#include "store/store.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/fake_source.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {

/// Directories at the top of every attacked tree; the last one is made anew by the victims.
inline constexpr std::array<const char*, 4> kAttackedDirectories{"lib64", "lib", "bin", "made"};
/// What the victims write into and remove from them; the canary has files of the same names.
inline constexpr std::array<const char*, 4> kAttackedNames{"one", "two", "libcuda.so.1", "modules"};

/// What the victims met.
struct AttackCounts {
    std::uint64_t rounds = 0;
    std::uint64_t done = 0;      ///< calls that did what they were asked
    std::uint64_t refused = 0;   ///< calls that ended with an Error, such as a path through a link
    std::uint64_t eagain = 0;    ///< answers of openat2 to a path with `..`
    std::uint64_t given_up = 0;  ///< of open_beneath: EAGAIN 129 times in a row
};

/// All attacked directories and the link that the attacker exchanges with them.
/// @param tree descriptor of an empty directory
void plant(int tree, const std::string& canary);
/// Makes the tree as plant() left it. The attacker must look elsewhere.
void replant(int tree, const std::string& canary);

/// The product's own writers, in a tree that is under attack.
class Victims {
public:
    Victims(const std::string& canary, Attacker& attacker, std::uint64_t seed);

    /// One attacked call, or a few of one kind.
    void round();
    [[nodiscard]] const AttackCounts& counts() const noexcept { return counts_; }

private:
    using Random = std::mt19937_64;
    void write_round();
    void probe_round();
    void make_rounds();
    void staged_round();
    void in_staging(const std::function<void(Staging&)>& body);
    void attacked(const std::function<void()>& body);
    [[nodiscard]] std::string path();

    std::string canary_;
    Attacker& attacker_;
    Random random_;
    AttackCounts counts_;
    TemporaryRoot dir_;
    TemporaryRoot image_;
    Store store_{dir_.root()};
    SampleArtifact sample_;
    FakeSource source_;
    FakeProgress progress_;
    Pair installed_;
    UniqueFd tree_;   ///< of the single calls
    UniqueFd fresh_;  ///< where one directory is made again and again
    std::unique_ptr<TreeWriter> writer_;
};

/// Writes as TreeWriter does but opens without RESOLVE flags: what the attack must break, or it is no attack.
void write_without_resolve_flags(int tree, std::mt19937_64& random);

}  // namespace overdrive
