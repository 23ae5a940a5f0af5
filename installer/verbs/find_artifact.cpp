#include "verbs/find_artifact.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace overdrive {

namespace {

constexpr std::size_t kMostNamed = 5;

/// What was learned from sources that did not have it.
struct Misses {
    std::vector<Error> failures;
    std::vector<std::string> without;
    std::vector<Pair> seen;
};

/// What keeps one source from answering, so that the next one is asked.
bool is_of_one_source(Errc code) {
    return code == Errc::unreachable || code == Errc::login_refused || code == Errc::tls_refused;
}

/// @throws Error as ArtifactSource::some_tags
std::vector<Pair> pairs_of(ArtifactSource& source) {
    std::vector<Pair> pairs;
    for (const std::string& tag : source.some_tags()) {
        if (auto pair = pair_of_tag(tag)) pairs.push_back(std::move(*pair));
    }
    return pairs;
}

/// The same as far as it can be had: the nearest are named when they are known.
std::vector<Pair> known_pairs_of(ArtifactSource& source) {
    try {
        return pairs_of(source);
    } catch (const Error& error) {
        if (!is_of_one_source(error.code()) && error.code() != Errc::bad_manifest) throw;
        return {};
    }
}

/// The pairs to ask for: one for a version; for a branch the newest that the source lists for this OS key.
std::optional<Pair> pair_to_ask(ArtifactSource& source, const DriverWish& wish, const std::string& os_key) {
    if (!wish.is_branch) return Pair{DriverId::parse(wish.text), os_key};
    std::optional<Pair> best;
    for (Pair& pair : pairs_of(source)) {
        if (pair.os_key != os_key || !wish.allows(pair.driver)) continue;
        if (!best || compare_versions(pair.driver.version(), best->driver.version()) > 0) best = std::move(pair);
    }
    return best;
}

/// Nearest first: the same OS key with another driver, then the same driver for another OS key.
std::vector<std::string> nearest(std::vector<Pair> pairs, const DriverWish& wish, const std::string& os_key) {
    const auto distance = [&](const Pair& pair) {
        return (pair.os_key == os_key ? 0 : 2) + (wish.same_branch(pair.driver) ? 0 : 1);
    };
    std::stable_sort(pairs.begin(), pairs.end(), [&](const Pair& a, const Pair& b) {
        if (distance(a) != distance(b)) return distance(a) < distance(b);
        return a.os_key > b.os_key;
    });
    std::vector<std::string> names;
    for (const Pair& pair : pairs) {
        const std::string name = pair.path();
        if (names.size() < kMostNamed && std::find(names.begin(), names.end(), name) == names.end())
            names.push_back(name);
    }
    return names;
}

/// What does not pass by itself comes first: a server that is not who it should be, then a login.
const Error& most_telling(const std::vector<Error>& failures) {
    for (const Errc code : {Errc::tls_refused, Errc::login_refused}) {
        const auto found = std::find_if(failures.begin(), failures.end(),
                                        [&](const Error& failure) { return failure.code() == code; });
        if (found != failures.end()) return *found;
    }
    return failures.front();
}

[[noreturn]] void fail(const Misses& misses, const DriverWish& wish, const std::string& os_key,
                       const HostFacts& facts) {
    if (!misses.failures.empty()) {
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
    const std::vector<std::string> names = nearest(misses.seen, wish, os_key);
    throw Error{Errc::no_artifact,
                fmt::format("there is no driver {} for {}{} in {}; {}", wish.text, os_key,
                            facts.kernel_release.empty() ? "" : fmt::format(" (kernel {})", facts.kernel_release),
                            fmt::join(misses.without, ", "),
                            names.empty() ? std::string{"nothing near it is there either"}
                                          : fmt::format("the nearest are {}", fmt::join(names, ", ")))}
        .with_remedy(
            "build it with 'builder-images/build', wish for another driver, or boot an OS release that has one");
}

}  // namespace

std::string oci_architecture(std::string_view machine) {
    if (machine == "x86_64") return "amd64";
    if (machine == "aarch64") return "arm64";
    return std::string{machine};
}

FoundArtifact find_artifact(Services& services, const Config& config, const HostFacts& facts, const std::string& os_key,
                            Report& report, const BeforeAsking& before_asking) {
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
    Misses misses;
    for (const std::string& name : config.sources) {
        try {
            if (before_asking) before_asking(name);
            auto source = services.open_source(name, config, facts.os_release.id());
            const auto pair = pair_to_ask(*source, *wish, os_key);
            if (pair) report.note(fmt::format("asking {} for {}", source->name(), tag_of(*pair)));
            auto artifact = pair ? source->resolve(tag_of(*pair), oci_architecture(facts.architecture)) : std::nullopt;
            if (artifact) return {std::move(source), std::move(*artifact), *pair};
            misses.without.push_back(source->name());
            for (Pair& near : known_pairs_of(*source)) misses.seen.push_back(std::move(near));
        } catch (const Error& error) {
            if (!is_of_one_source(error.code())) throw;
            report.warn(error.what());
            misses.failures.push_back(error);
        }
    }
    fail(misses, *wish, os_key, facts);
}

}  // namespace overdrive
