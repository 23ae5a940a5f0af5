#include "verbs/pending_driver.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/json_reader.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

constexpr int kSchema = 1;
constexpr std::size_t kMostNamed = 5;
constexpr std::size_t kMostBytes = 64U << 10U;

/// The kernel release that an OS key's installed driver is for; empty when there is none.
std::string kernel_of_key(const LocalState& local, const std::string& os_key) {
    const auto found = std::find_if(
        local.generations.begin(), local.generations.end(),
        [&](const GenerationInfo& generation) { return !os_key.empty() && generation.pair.os_key == os_key; });
    return found == local.generations.end() ? std::string{} : found->kernel_release;
}

}  // namespace

HostFacts facts_after_boot(const HostFacts& now, const PendingOs& pending) {
    HostFacts then = now;
    if (pending.os_release) then.os_release = *pending.os_release;
    then.kernel_release = pending.kernel_release.value_or("");
    then.kernel_build_id.reset();
    then.boot_id.clear();
    return then;
}

std::optional<Pair> driver_after_boot(const Store& store, const Config& config, const LocalState& local,
                                      const PendingOs& pending) {
    LocalState then = local;
    then.facts = facts_after_boot(local.facts, pending);
    if (then.facts.kernel_release.empty()) then.facts.kernel_release = kernel_of_key(local, pending.os_key);
    if (then.facts.kernel_release.empty()) return std::nullopt;
    std::vector<std::string> ignored;
    select_by_rules(then, store, config, ignored);
    return then.selection.pair;
}

std::vector<std::string> nearest_installed(const LocalState& local) {
    std::vector<const GenerationInfo*> by_distance;
    for (const GenerationInfo& generation : local.generations) by_distance.push_back(&generation);
    const auto distance = [&](const GenerationInfo* generation) {
        if (!local.wanted) return 0;
        return local.wanted->allows(generation->pair.driver)        ? 0
               : local.wanted->same_branch(generation->pair.driver) ? 1
                                                                    : 2;
    };
    std::stable_sort(by_distance.begin(), by_distance.end(), [&](const auto* a, const auto* b) {
        if (distance(a) != distance(b)) return distance(a) < distance(b);
        return a->installed_at > b->installed_at;
    });
    std::vector<std::string> names;
    for (const GenerationInfo* generation : by_distance) {
        if (names.size() < kMostNamed) names.push_back(generation->pair.path());
    }
    return names;
}

std::string to_text(const PendingOs& pending) {
    return fmt::format("{} ({})", pending.version.empty() ? "a version that is not known" : pending.version,
                       pending.source);
}

nlohmann::ordered_json pending_json(const std::optional<PendingOs>& pending) {
    if (!pending) return nullptr;
    const nlohmann::ordered_json kernel =
        pending->kernel_release ? nlohmann::ordered_json(*pending->kernel_release) : nlohmann::ordered_json(nullptr);
    return {{"source", pending->source},
            {"version", pending->version},
            {"os_key", pending->os_key},
            {"kernel_release", kernel}};
}

std::optional<StagingFailure> read_staging_failure(const Root& root) {
    const auto text = root.read_file(kStagingFile, kMostBytes);
    if (!text) return std::nullopt;
    try {
        const JsonReader reader = JsonReader::parse(*text, kStagingFile, Errc::bad_record);
        reader.require_reader(kSchema);
        return StagingFailure{reader.string("os_key"), reader.string("reason"), reader.string("message")};
    } catch (const Error&) {
        return std::nullopt;  // a note of another program version tells nothing
    }
}

void tell_staging_failure(const Root& root, const std::optional<StagingFailure>& failure) {
    if (!failure) {
        root.remove(kStagingFile);
        return;
    }
    using nlohmann::ordered_json;
    const ordered_json json{{"schema", kSchema},
                            {"min_reader", 1},
                            {"os_key", failure->os_key},
                            {"reason", failure->reason},
                            {"message", failure->message}};
    root.make_directories(kRunDirectory);
    root.write_file(kStagingFile, json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace overdrive
