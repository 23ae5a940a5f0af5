#include "verbs/find_artifact.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/wish_meaning.hpp"
#include "store/store.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostNamed = 5;

/// What was learned from sources that did not have it.
struct Misses {
    std::vector<Error> failures;
    std::vector<std::string> without;
    std::vector<std::string> without_index;
    std::vector<std::string> index_problems;  ///< of indexes that were only asked for what is near
    std::vector<OfferedPair> seen;
};

/// What keeps one source from answering, so that the next one is asked.
bool is_of_one_source(Errc code) {
    return code == Errc::unreachable || code == Errc::login_refused || code == Errc::tls_refused;
}

/// Whether the node lacks this user space, but has that of another version of the branch.
bool may_start_from_a_delta(const Store& store, const FoundArtifact& found) {
    bool has_branch = false;
    for (const GenerationInfo& generation : store.list_generations()) {
        const Digest* installed = generation.layer(LayerRole::user_space);
        if (installed == nullptr) continue;
        for (const LayerDescriptor& layer : found.artifact.layers)
            if (layer.role == LayerRole::user_space && layer.digest == *installed) return false;
        has_branch = has_branch || generation.pair.driver.branch() == found.pair.driver.branch();
    }
    return has_branch;
}

/// A search in one source after the other.
class Search {
public:
    Search(const Services& services, const Store& store, const Config& config, const IndexTrusting& trusting,
           const HostFacts& facts, const std::string& os_key, Report& report)
        : services_{services},
          store_{store},
          config_{config},
          trusting_{trusting},
          question_{pair_question(store, facts, os_key)},
          architecture_{oci_architecture(facts.architecture)},
          report_{report} {}

    std::optional<FoundArtifact> in(std::unique_ptr<ArtifactSource> source, const DriverWish& wish) {
        auto found = wish.is_branch ? by_index(*source, wish) : by_tag(*source, wish);
        if (found) found->source = std::move(source);
        return found;
    }

    [[nodiscard]] const PairQuestion& question() const noexcept { return question_; }
    Misses misses;

private:
    std::optional<FoundArtifact> by_tag(ArtifactSource& source, const DriverWish& wish) {
        Pair pair{DriverId::parse(wish.text), question_.os_key};
        report_.note(fmt::format("asking {} for {}", source.name(), tag_of(pair)));
        auto artifact = source.resolve(tag_of(pair), architecture_);
        if (artifact) {
            FoundArtifact found{nullptr, std::move(*artifact), std::move(pair)};
            if (may_start_from_a_delta(store_, found)) look_for_deltas(source, found);
            return found;
        }
        misses.without.push_back(source.name());
        look_for_near(source);
        return std::nullopt;
    }

    /// Nothing rests on it: without a delta all is fetched.
    void look_for_deltas(ArtifactSource& source, FoundArtifact& found) {
        try {
            if (auto index = ask_index(services_, store_, config_, trusting_, source))
                found.deltas = std::move(index->index.deltas);
        } catch (const Error& error) {
            if (error.code() == Errc::interrupted) throw;
            report_.warn(
                fmt::format("whether there is a delta from an installed driver is not known: {}", error.what()));
        }
    }

    /// Nothing rests on it: what is near is named as far as it is known.
    void look_for_near(ArtifactSource& source) {
        try {
            auto index = ask_index(services_, store_, config_, trusting_, source);
            if (index) {
                for (OfferedPair& offer : index->index.pairs) misses.seen.push_back(std::move(offer));
            } else {
                misses.without_index.push_back(source.name());
            }
        } catch (const Error& error) {
            if (error.code() == Errc::interrupted) throw;
            misses.index_problems.emplace_back(error.what());
        }
    }

    std::optional<FoundArtifact> by_index(ArtifactSource& source, const DriverWish& wish) {
        report_.note(fmt::format("asking the pair index of {} for {}", source.name(), wish.text));
        auto trusted = ask_index(services_, store_, config_, trusting_, source);
        if (!trusted) {
            misses.without_index.push_back(source.name());
            return std::nullopt;
        }
        for (const OfferedPair& offer :
             choose_pairs(trusted->index, resolve_channel(trusted->index, wish), question_)) {
            if (auto found = pinned(source, offer)) {
                found->index = std::move(trusted->word);
                found->deltas = std::move(trusted->index.deltas);
                return found;
            }
        }
        misses.without.push_back(source.name());
        for (OfferedPair& offer : trusted->index.pairs) misses.seen.push_back(std::move(offer));
        return std::nullopt;
    }

    std::optional<FoundArtifact> pinned(ArtifactSource& source, const OfferedPair& offer) {
        const std::string tag = tag_of(offer.pair);
        report_.note(fmt::format("asking {} for {} ({})", source.name(), tag, offer.manifest.text()));
        auto artifact = source.resolve_pinned({tag, offer.manifest, offer.image_index}, architecture_);
        if (artifact) return FoundArtifact{nullptr, std::move(*artifact), offer.pair};
        if (source.may_be_partial()) return std::nullopt;
        throw Error{Errc::incomplete_artifact, fmt::format("the pair index of {} names {} for {}, but it is not there",
                                                           source.name(), offer.manifest.text(), tag)}
            .with_remedy(fmt::format("whoever publishes there publishes it again or takes it out of the index "
                                     "('overdrive-artifact index remove'); until then write a full version as 'driver' "
                                     "into /etc/overdrive/config.toml"));
    }

    const Services& services_;
    const Store& store_;
    const Config& config_;
    const IndexTrusting& trusting_;
    PairQuestion question_;
    std::string architecture_;
    Report& report_;
};

/// What does not pass by itself comes first: a server that is not who it should be, then a login.
const Error& most_telling(const std::vector<Error>& failures) {
    for (const Errc code : {Errc::tls_refused, Errc::login_refused}) {
        const auto found = std::find_if(failures.begin(), failures.end(),
                                        [&](const Error& failure) { return failure.code() == code; });
        if (found != failures.end()) return *found;
    }
    return failures.front();
}

[[noreturn]] void fail_unreached(const Misses& misses) {
    std::string message;
    for (const Error& failure : misses.failures)
        message += fmt::format("{}{}", message.empty() ? "" : "; ", failure.what());
    if (!misses.without.empty()) message += fmt::format("; no driver in {}", fmt::join(misses.without, ", "));
    const Error& telling = most_telling(misses.failures);
    throw Error{telling.code(), message}.with_remedy(
        telling.code() != Errc::unreachable && !telling.remedy().empty()
            ? telling.remedy()
            : "check the network and 'sources' in /etc/overdrive/config.toml; installed drivers are untouched");
}

[[noreturn]] void fail_without_index(const Misses& misses, const DriverWish& wish) {
    const std::string place = misses.without_index.front();
    throw Error{
        Errc::no_artifact,
        fmt::format("driver '{}' is a {}, and there is no pair index that says what that is for this kernel in {}",
                    wish.text, is_channel(wish) ? "channel" : "branch", fmt::join(misses.without_index, ", "))}
        .with_remedy(fmt::format("publish one where the drivers are built ('overdrive-artifact index add {} TAG... "
                                 "--sign-key KEY'), or write a full version as 'driver' into "
                                 "/etc/overdrive/config.toml: it needs no index",
                                 place));
}

/// What is known of pairs that are near, in words.
std::string near_text(const Misses& misses, const DriverWish& wish, const PairQuestion& question) {
    const std::vector<std::string> names = nearest_pairs(misses.seen, wish, question, kMostNamed);
    if (!names.empty()) return fmt::format("the nearest are {}", fmt::join(names, ", "));
    if (!misses.index_problems.empty())
        return fmt::format("what is near it is not known: {}", misses.index_problems.front());
    if (!misses.without_index.empty())
        return fmt::format("what is near it is not known: {} has no pair index", misses.without_index.front());
    return "nothing near it is there either";
}

[[noreturn]] void fail(const Misses& misses, const DriverWish& wish, const PairQuestion& question) {
    if (!misses.failures.empty()) fail_unreached(misses);
    if (misses.without.empty()) fail_without_index(misses, wish);
    throw Error{Errc::no_artifact,
                fmt::format("there is no driver {} for {}{} in {}; {}", wish.text, question.os_key,
                            question.kernel_release.empty() ? "" : fmt::format(" (kernel {})", question.kernel_release),
                            fmt::join(misses.without, ", "), near_text(misses, wish, question))}
        .with_remedy(
            "build it with 'builder-images/build', wish for another driver, or boot an OS release that has one");
}

}  // namespace

std::string oci_architecture(std::string_view machine) {
    if (machine == "x86_64") return "amd64";
    if (machine == "aarch64") return "arm64";
    return std::string{machine};
}

FoundArtifact find_artifact(Services& services, const Store& store, const Config& config, const IndexTrusting& trusting,
                            const HostFacts& facts, const std::string& os_key, Report& report,
                            const BeforeAsking& before_asking) {
    const auto wish = config.wish();
    if (!wish) {
        throw Error{Errc::config, "nothing says which driver is wanted"}.with_remedy(
            "name one on the command line, or write driver = \"550.163.01-open\" into /etc/overdrive/config.toml");
    }
    if (config.sources.empty()) {
        throw Error{Errc::config, "no source is configured"}.with_remedy(
            "write sources = [\"docker://REGISTRY/overdrive/nvidia-{os_id}\"] into /etc/overdrive/config.toml, or use "
            "'--source'");
    }
    Search search{services, store, config, trusting, facts, os_key, report};
    for (const std::string& name : config.sources) {
        try {
            if (before_asking) before_asking(name);
            if (auto found = search.in(services.open_source(name, config, facts.os_release.id()), *wish))
                return std::move(*found);
        } catch (const Error& error) {
            if (!is_of_one_source(error.code())) throw;
            report.warn(error.what());
            search.misses.failures.push_back(error);
        }
    }
    fail(search.misses, *wish, search.question());
}

}  // namespace overdrive
