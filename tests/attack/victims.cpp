#include "attack/victims.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "archive/unpack.hpp"
#include "store/fetch.hpp"
#include "store/reuse.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// The attacked directory that is made anew.
constexpr const char* kMade = "made";
/// A directory that nobody attacks.
constexpr const char* kStill = "still";

template <typename Array>
const char* one_of(const Array& names, std::mt19937_64& random) {
    return names.at(random() % names.size());
}

SampleArtifact small_artifact() {
    SampleArtifact sample;
    sample.user_space = {{"bin/one", "1"},
                         {"bin/two", "2"},
                         {"lib64/one", "1"},
                         {"lib64/two", "2"},
                         {"lib64/modules/below", "3"},
                         {"lib/firmware/nvidia/900.1.0/gsp_tu10x.bin", "4"}};
    sample.links = {{"lib64/libcuda.so.1", "one"}};
    for (auto& [path, content] : sample.modules) content = "module";
    return sample;
}

void make_directory(int tree, const char* name) {
    if (mkdirat(tree, name, 0755) != 0 && errno != EEXIST) throw std::runtime_error{"attack: mkdirat"};
}

}  // namespace

void plant(int tree, const std::string& canary) {
    if (symlinkat(canary.c_str(), tree, kEvilLink) != 0) throw std::runtime_error{"attack: symlinkat"};
    make_directory(tree, kStill);
    for (const char* name : kAttackedDirectories) make_directory(tree, name);
}

void replant(int tree, const std::string& canary) {
    const std::filesystem::path top{"/proc/self/fd/" + std::to_string(tree)};
    for (const auto& entry : std::filesystem::directory_iterator{top}) std::filesystem::remove_all(entry.path());
    plant(tree, canary);
}

Victims::Victims(const std::string& canary, Attacker& attacker, std::uint64_t seed)
    : canary_{canary},
      attacker_{attacker},
      random_{seed},
      sample_{small_artifact()},
      installed_{sample_.manifest().pair()} {
    store_.prepare();
    Staging staging = store_.make_staging();
    sample_.put_into(source_);
    const FetchResult fetched = fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {});
    store_.publish(std::move(staging), describe_generation(fetched, nullptr, "test", std::chrono::seconds{1}));
    sample_.write_unpacked(image_.path());
    dir_.root().make_directories("/tree");
    dir_.root().make_directories("/fresh");
    fresh_ = dir_.root().open("/fresh", O_RDONLY | O_DIRECTORY);
    tree_ = dir_.root().open("/tree", O_RDONLY | O_DIRECTORY);
    plant(tree_.get(), canary_);
    writer_ = std::make_unique<TreeWriter>(tree_.get());
    attacker_.attack(tree_.get());
}

std::string Victims::path() {
    return std::string{one_of(kAttackedDirectories, random_)} + "/" + one_of(kAttackedNames, random_);
}

void Victims::attacked(const std::function<void()>& body) {
    try {
        body();
        ++counts_.done;
    } catch (const Error&) {
        ++counts_.refused;
    }
}

void Victims::round() {
    constexpr std::uint64_t kMakeEvery = 128;
    constexpr std::uint64_t kStagedEvery = 64;
    constexpr std::uint64_t kReplantEvery = 256;
    if (random_() % kMakeEvery == 0) return make_rounds();
    ++counts_.rounds;
    if (random_() % kStagedEvery == 0) return staged_round();
    if (random_() % kReplantEvery == 0) {
        attacker_.attack(-1);
        replant(tree_.get(), canary_);
        writer_ = std::make_unique<TreeWriter>(tree_.get());
        attacker_.attack(tree_.get());
    }
    if (random_() % 8 == 0)
        probe_round();
    else
        write_round();
}

void Victims::write_round() {
    const std::string at = path();
    switch (random_() % 4) {
        case 0:
            return attacked([&] { writer_->make_directory(at); });
        case 1:
            return attacked([&] { writer_->make_link(at, "target"); });
        case 2:
            return attacked([&] { writer_->remove(at); });
        default:
            return attacked([&] {
                writer_->begin_file(at, true);
                writer_->write("written by the victim");
                static_cast<void>(writer_->end_file());
            });
    }
}

/// A new directory's own name is attacked between its making and the setting of its mode.
void Victims::make_rounds() {
    constexpr int kBurst = 32;
    attacker_.attack(fresh_.get());
    TreeWriter writer{fresh_.get()};
    for (int i = 0; i < kBurst; ++i) {
        // What was exchanged is taken away again, by names that no link leads away from.
        if (unlinkat(fresh_.get(), kMade, AT_REMOVEDIR) != 0) static_cast<void>(unlinkat(fresh_.get(), kMade, 0));
        static_cast<void>(unlinkat(fresh_.get(), kEvilLink, AT_REMOVEDIR));
        static_cast<void>(!symlinkat(canary_.c_str(), fresh_.get(), kEvilLink));
        ++counts_.rounds;
        attacked([&] { writer.make_directory(kMade); });
    }
    attacker_.attack(tree_.get());
}

/// Paths of the product have no `..`. The kernel answers EAGAIN to one that has, if anything at all was renamed since
/// it began to walk; a long walk makes that likely.
void Victims::probe_round() {
    constexpr std::uint64_t kMostSteps = 400;
    std::string at;
    for (std::uint64_t i = random_() % kMostSteps; i > 0; --i) at += std::string{kStill} + "/../";
    at += path();
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const UniqueFd raw{static_cast<int>(syscall(SYS_openat2, tree_.get(), at.c_str(), &how, sizeof how))};
    if (!raw && errno == EAGAIN) ++counts_.eagain;
    const UniqueFd retried{open_beneath(tree_.get(), at.c_str(), O_PATH, 0, how.resolve)};
    if (!retried && errno == EAGAIN) ++counts_.given_up;
    retried ? ++counts_.done : ++counts_.refused;
}

void Victims::in_staging(const std::function<void(Staging&)>& body) {
    Staging staging = store_.make_staging();
    const UniqueFd tree = dir_.root().open(staging.path(), O_RDONLY | O_DIRECTORY);
    if (symlinkat(canary_.c_str(), tree.get(), kEvilLink) != 0) throw std::runtime_error{"attack: symlinkat"};
    attacker_.attack(tree.get());
    body(staging);
    attacker_.attack(tree_.get());
}

void Victims::staged_round() {
    switch (random_() % 5) {
        case 0:
            return in_staging([&](Staging& staging) {
                attacked([&] {
                    static_cast<void>(fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {}));
                });
            });
        case 1:
            return in_staging([&](Staging& staging) {
                attacked([&] { static_cast<void>(clone_user_space(store_, installed_, staging, sample_.manifest())); });
            });
        case 2:
            return in_staging([&](Staging& staging) {
                attacked([&] { static_cast<void>(copy_unpacked(image_.root(), staging, store_, progress_, {})); });
            });
        case 3:
            return in_staging([&](Staging& staging) {
                for (const char* name : kAttackedDirectories) make_directory(staging.fd(), name);
                attacked([&] {
                    GenerationInfo info = store_.find_generation(installed_).value();
                    info.pair.os_key = "attacked";
                    store_.publish(std::move(staging), info);
                });
                attacked([&] { store_.remove_generation({installed_.driver, "attacked"}); });
            });
        default:
            return in_staging([&](Staging& staging) {
                for (const char* name : kAttackedDirectories) {
                    make_directory(staging.fd(), name);
                    for (const char* below : kAttackedNames) {
                        make_directory(staging.fd(), (std::string{name} + "/" + below).c_str());
                    }
                }
                attacked([&] { dir_.root().remove_tree(staging.path()); });
            });
    }
}

void write_without_resolve_flags(int tree, std::mt19937_64& random) {
    const std::string at = std::string{one_of(kAttackedDirectories, random)} + "/" + one_of(kAttackedNames, random);
    const UniqueFd file{::openat(tree, at.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)};
    if (file) static_cast<void>(!::write(file.get(), "written", 7));
}

}  // namespace overdrive
