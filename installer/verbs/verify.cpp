#include "verbs/verify.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <random>

#include "model/nearest_name.hpp"
#include "store/verify_generation.hpp"
#include "verbs/sizes.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// One generation, as it is told.
struct Told {
    Pair pair;
    Verified verified;
};

std::vector<Pair> chosen(const std::vector<std::string>& names, const std::vector<Pair>& installed) {
    if (names.empty()) return installed;
    std::vector<Pair> out;
    std::vector<std::string> known;
    for (const Pair& pair : installed) known.push_back(pair.path());
    for (const std::string& name : names) {
        const auto found = std::find(known.begin(), known.end(), name);
        if (found == known.end()) {
            const std::string nearest = nearest_name(name, known);
            throw Error{Errc::usage,
                        fmt::format("'{}' is not an installed generation{}", name,
                                    nearest.empty() ? std::string{} : fmt::format("; did you mean '{}'?", nearest))}
                .with_remedy("'overdrive list' prints the installed ones as <driver>/<os>");
        }
        out.push_back(installed[static_cast<std::size_t>(found - known.begin())]);
    }
    return out;
}

/// The other generations that have the same file by hard link: what differs in one differs in all.
std::vector<std::string> sharers(const Store& store, const std::vector<Pair>& installed, const Pair& pair,
                                 const std::string& path) {
    const auto own = store.root().link_status(fmt::format("{}/{}", store.generation_path(pair), path));
    if (!own || S_ISDIR(own->st_mode) || own->st_nlink < 2) return {};
    std::vector<std::string> out;
    for (const Pair& other : installed) {
        if (other == pair) continue;
        const auto status = store.root().link_status(fmt::format("{}/{}", store.generation_path(other), path));
        if (status && status->st_dev == own->st_dev && status->st_ino == own->st_ino) out.push_back(other.path());
    }
    return out;
}

class Telling {
public:
    Telling(const Store& store, const std::vector<Pair>& installed) : store_{store}, installed_{installed} {}

    void add(const Told& told) {
        const Verified& seen = told.verified;
        ordered_json differences = ordered_json::array();
        std::string lines;
        for (const Difference& difference : seen.differences) {
            const auto shared = sharers(store_, installed_, told.pair, difference.path);
            differences.push_back({{"path", difference.path},
                                   {"kind", to_string(difference.kind)},
                                   {"what", difference.what},
                                   {"shared_with", shared}});
            lines += fmt::format(
                "  '{}' {}{}\n", difference.path, difference.what,
                shared.empty() ? std::string{} : fmt::format("; the same file is in {}", fmt::join(shared, ", ")));
        }
        generations_.push_back({{"generation", told.pair.path()},
                                {"equal", seen.differences.empty()},
                                {"files", seen.files},
                                {"hashed_files", seen.hashed_files},
                                {"hashed_bytes", seen.hashed_bytes},
                                {"differences", differences}});
        if (seen.differences.empty()) {
            text_ += fmt::format("{}: as it was installed ({} files, {} of them read)\n", told.pair.path(), seen.files,
                                 seen.hashed_files);
        } else {
            text_ += fmt::format("{}: {} {}\n{}", told.pair.path(), seen.differences.size(),
                                 seen.differences.size() == 1 ? "difference" : "differences", lines);
            damaged_.push_back(told.pair);
        }
    }

    ExitCode finish(const VerifyOptions& options, std::uint64_t seed, Report& report) {
        const bool equal = damaged_.empty();
        const std::string remedy = equal ? std::string{} : this->remedy();
        if (generations_.empty()) text_ = "no driver is installed\n";
        if (options.percent < 100)
            text_ += fmt::format("{} % of the files were read; '--sample {} --seed {}' reads the same ones\n",
                                 options.percent, options.percent, seed);
        if (!equal) text_ += fmt::format("what to do: {}\n", remedy);
        report.result({{"schema", 1},
                       {"equal", equal},
                       {"percent", options.percent},
                       {"seed", options.percent < 100 ? ordered_json(seed) : ordered_json(nullptr)},
                       {"generations", generations_},
                       {"remedy", equal ? ordered_json(nullptr) : ordered_json(remedy)}},
                      text_);
        return equal ? ExitCode::ok : ExitCode::answer_is_no;
    }

private:
    [[nodiscard]] std::string remedy() const {
        const auto current = current_pair();
        if (current && std::find(damaged_.begin(), damaged_.end(), *current) != damaged_.end()) {
            return fmt::format(
                "{} is in use: 'overdrive rollback' returns to another one that is whole; then "
                "'overdrive install --verify' fetches the damaged one again",
                current->path());
        }
        return fmt::format("'overdrive install {} --verify' fetches it again", damaged_.front().driver.text());
    }

    [[nodiscard]] std::optional<Pair> current_pair() const {
        try {
            return store_.read_current();
        } catch (const Error&) {  // a link that leads to no pair
            return std::nullopt;
        }
    }

    const Store& store_;
    const std::vector<Pair>& installed_;
    ordered_json generations_ = ordered_json::array();
    std::string text_;
    std::vector<Pair> damaged_;
};

}  // namespace

ExitCode run_verify(const VerifyOptions& options, Services& services, Report& report) {
    const Store store{services.root};
    const std::vector<Pair> installed = expected_generations(store);
    const std::uint64_t seed =
        options.seed.value_or(options.percent < 100 ? std::random_device{}() : 0U);  // 32 bits: short to retype
    GenerationVerifier verifier{store, {.percent = options.percent, .seed = seed}, services.progress};
    Telling telling{store, installed};
    for (const Pair& pair : chosen(options.generations, installed)) telling.add({pair, verifier.verify(pair)});
    return telling.finish(options, seed, report);
}

}  // namespace overdrive
