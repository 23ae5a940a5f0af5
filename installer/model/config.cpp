#include "model/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "model/config_keys.hpp"
#include "model/nearest_name.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr const char* kPolicy = "trust.policy";

/// `; did you mean 'hold'?`, or nothing.
std::string suggestion(const std::string& name) {
    std::vector<std::string> keys{kPolicy};
    for (const auto& known : config_keys()) keys.emplace_back(known.key);
    for (const auto& known : policy_keys()) keys.emplace_back(known.key);
    const std::string nearest = nearest_name(name, keys);
    return nearest.empty() ? std::string{} : fmt::format("; did you mean '{}'?", nearest);
}

/// Whether `known` is `table.*` and `key` lies in that table.
bool is_of_table(std::string_view known, std::string_view key) {
    return known.ends_with(".*") && key.starts_with(known.substr(0, known.size() - 1));
}

/// Reads one document into a Config.
class ConfigReader {
public:
    ConfigReader(Config& config, std::string file, Strictness strictness)
        : config_{config}, file_{std::move(file)}, strictness_{strictness} {}

    void read(const toml::table& document) {
        for (const auto& [key, value] : document) {
            const std::string name{key.str()};
            if (const toml::table* inner = value.as_table(); inner != nullptr) {
                for (const auto& [inner_key, inner_value] : *inner)
                    read_entry({inner_value, file_, fmt::format("{}.{}", name, inner_key.str())});
            } else {
                read_entry({value, file_, name});
            }
        }
    }

private:
    enum class Answer { good, unknown_key, bad_value };

    void read_entry(const Setting& setting) {
        if (setting.key() == kPolicy) {
            read_policies(setting);
            return;
        }
        const Answer answer = apply<Config>(config_, config_keys(), setting);
        if (answer == Answer::bad_value && setting.key().starts_with("trust.")) make_strict(config_.trust);
    }

    template <typename Target>
    Answer apply(Target& target, std::span<const KnownKey<Target>> known, const Setting& setting) {
        const auto found = std::find_if(known.begin(), known.end(), [&](const KnownKey<Target>& each) {
            return each.key == setting.key() || is_of_table(each.key, setting.key());
        });
        const bool is_known = found != known.end();
        const bool good = tolerating([&] {
            if (!is_known) setting.fail("is not known" + suggestion(setting.key()));
            found->set(target, setting);
        });
        return good ? Answer::good : (is_known ? Answer::bad_value : Answer::unknown_key);
    }

    /// Runs `body`; at boot an Error becomes a warning. @return whether there was none
    template <typename Body>
    bool tolerating(Body body) {
        try {
            body();
            return true;
        } catch (const Error& error) {
            if (strictness_ == Strictness::interactive) throw;
            config_.warnings.emplace_back(error.what());
            return false;
        }
    }

    /// What a policy may have wanted, once part of it cannot be read: it never lets in more than it would have.
    static void make_strict(TrustPolicy& policy) {
        policy.allow_unsigned = false;
        policy.require_all = true;
    }

    void read_policies(const Setting& setting) {
        const toml::array* array = setting.node().as_array();
        const bool is_tables = array != nullptr && std::all_of(array->begin(), array->end(),
                                                               [](const toml::node& node) { return node.is_table(); });
        if (!tolerating([&] {
                if (!is_tables) setting.fail("must be written as [[trust.policy]] tables");
            })) {
            config_.unsigned_nowhere = true;
            return;
        }
        for (const toml::node& entry : *array) read_policy(*entry.as_table());
    }

    void read_policy(const toml::table& table) {
        TrustPolicy policy;
        bool good = true;
        for (const auto& [key, value] : table) {
            const Setting setting{value, file_, fmt::format("{}.{}", kPolicy, key.str())};
            good = apply<TrustPolicy>(policy, policy_keys(), setting) != Answer::bad_value && good;
        }
        good = tolerating([&] { require_whole(policy, {table, file_, kPolicy}); }) && good;
        if (!good) make_strict(policy);
        if (policy.prefix.empty()) {
            config_.unsigned_nowhere = true;  // it is for some place
            return;
        }
        seen_.insert(policy.prefix);
        std::erase_if(config_.trust_policies, [&](const TrustPolicy& each) { return each.prefix == policy.prefix; });
        config_.trust_policies.push_back(std::move(policy));
    }

    void require_whole(const TrustPolicy& policy, const Setting& setting) const {
        if (policy.prefix.empty()) setting.fail("needs a prefix: the place that it is for");
        if (seen_.contains(policy.prefix)) setting.fail(fmt::format("stands twice for '{}'", policy.prefix));
        if (policy.keys.empty() && !policy.allow_unsigned) {
            setting.fail(
                fmt::format("for '{}' has neither keys nor allow-unsigned = true, so that nothing could ever come "
                            "from there; [trust] is not taken over",
                            policy.prefix));
        }
    }

    Config& config_;
    std::string file_;
    Strictness strictness_;
    std::set<std::string> seen_;  ///< prefixes of this document
};

}  // namespace

std::optional<DriverWish> Config::wish() const { return pin ? std::optional{DriverWish::parse(pin->text())} : driver; }

TrustPolicy Config::policy_for(std::string_view place) const {
    const TrustPolicy* match = longest_match(trust_policies, place);
    TrustPolicy policy = match == nullptr ? trust : *match;
    if (unsigned_nowhere) policy.allow_unsigned = false;
    return policy;
}

void apply_config(Config& config, std::string_view toml, const std::string& name, Strictness strictness) {
    ConfigReader{config, name, strictness}.read(parse_toml(toml, name));
}

}  // namespace overdrive
