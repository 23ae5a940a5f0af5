#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/pair.hpp"
#include "ports/progress.hpp"
#include "store/store.hpp"

namespace overdrive {

/// How much of the content is hashed. Names, types, sizes, modes, owners and link targets are always compared in full.
struct Sampling {
    unsigned percent = 100;  ///< of the files; at least one is hashed, unless it is 0
    std::uint64_t seed = 0;  ///< chooses which; the same seed chooses the same files
};

/// One thing about a generation that is not as it was installed.
struct Difference {
    enum class Kind : std::uint8_t {
        missing,        ///< driver.json lists it
        extra,          ///< driver.json does not list it
        type,           ///< a file where a link should be, or the like
        size,           ///< of a file
        mode,           ///< of a file or directory
        owner,          ///< neither root's nor, when we are not root, ours
        digest,         ///< of a file's content
        target,         ///< of a link
        unreadable,     ///< the disk or the kernel refuses to read it
        driver_json,    ///< missing, or not the one that was installed: nothing else can be told
        commit_record,  ///< missing or damaged: nothing else can be told
    };
    std::string path;  ///< in the generation; of a commit record: on the host
    Kind kind = Kind::missing;
    std::string what;  ///< for people, without the path: `has 12 bytes, 40 were installed`
    friend bool operator==(const Difference&, const Difference&) = default;
};

/// `driver-json`, `digest` ...
[[nodiscard]] std::string_view to_string(Difference::Kind kind) noexcept;

/// What was looked at, for the result.
struct Verified {
    std::vector<Difference> differences;  ///< sorted by path
    std::uint64_t files = 0;              ///< files and links that driver.json lists
    std::uint64_t hashed_files = 0;
    std::uint64_t hashed_bytes = 0;  ///< read; a file that several generations share by hard link is read once
};

/// Compares generations with what was installed. Looks only, needs no lock.
class GenerationVerifier {
public:
    /// The arguments must outlive it. @param progress told of hashed bytes
    GenerationVerifier(const Store& store, Sampling sampling, Progress& progress)
        : store_{store}, sampling_{sampling}, progress_{progress} {}

    /// @throws Error io when a directory cannot be read at all; interrupted
    [[nodiscard]] Verified verify(const Pair& pair);

private:
    struct Inode {
        dev_t device;
        ino_t number;
        friend auto operator<=>(const Inode&, const Inode&) = default;
    };
    struct Work;
    void sample(std::vector<Work>& work) const;
    void hash(const std::string& directory, std::vector<Work>& work);
    void conclude(const std::vector<Work>& work, Verified& out);

    const Store& store_;
    Sampling sampling_;
    Progress& progress_;
    std::map<Inode, std::string> known_;  ///< digests of files with several names
};

/// The differences of one generation; none: it is whole. What a rollback asks before it counts on a generation.
/// @throws Error io when a directory cannot be read at all
[[nodiscard]] std::vector<Difference> verify_generation(const Store& store, const Pair& pair, Sampling sampling,
                                                        Progress& progress);

/// The pairs that should be generations: those with a tree and a commit record, whatever is in it, those that the
/// record counts on, and `current`. Sorted by path.
[[nodiscard]] std::vector<Pair> expected_generations(const Store& store);

}  // namespace overdrive
