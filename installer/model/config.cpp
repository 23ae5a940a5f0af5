#include "model/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "model/nearest_name.hpp"
#include "model/toml_document.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::int64_t kHour = 3600;
constexpr const char* kPolicy = "trust.policy";

/// A value of the document with its place, for messages.
class Setting {
public:
    Setting(const toml::node& node, std::string file, std::string key)
        : node_{node}, file_{std::move(file)}, key_{std::move(key)} {}

    [[nodiscard]] const toml::node& node() const noexcept { return node_; }
    [[nodiscard]] const std::string& key() const noexcept { return key_; }

    [[noreturn]] void fail(std::string_view what) const {
        throw Error{Errc::config, fmt::format("{}:{}: '{}' {}", file_, node_.source().begin.line, key_, what)};
    }

    [[nodiscard]] std::string text() const { return text_of(node_, "must be a non-empty string"); }

    [[nodiscard]] bool boolean() const {
        const auto boolean = node_.value_exact<bool>();
        if (!boolean) fail("must be true or false");
        return *boolean;
    }

    [[nodiscard]] std::vector<std::string> texts() const {
        const toml::array* array = node_.as_array();
        if (array == nullptr) fail("must be an array of strings");
        std::vector<std::string> out;
        for (const toml::node& entry : *array) out.push_back(text_of(entry, "must hold non-empty strings only"));
        return out;
    }

    [[nodiscard]] std::chrono::seconds seconds(std::int64_t least) const {
        const auto seconds = node_.value_exact<std::int64_t>();
        if (!seconds || *seconds < least || *seconds > kHour)
            fail(fmt::format("must be a number of seconds from {} to {}", least, kHour));
        return std::chrono::seconds{*seconds};
    }

    /// What another parser makes of the text.
    template <typename Parse>
    [[nodiscard]] auto parsed(Parse parse) const {
        try {
            return parse(text());
        } catch (const Error& error) {
            fail(error.what());
        }
    }

private:
    [[nodiscard]] std::string text_of(const toml::node& node, std::string_view otherwise) const {
        const auto text = node.value_exact<std::string>();
        if (!text || text->empty()) fail(otherwise);
        return *text;
    }

    const toml::node& node_;
    std::string file_;
    std::string key_;
};

template <typename Target>
struct Known {
    std::string_view key;
    void (*set)(Target&, const Setting&);
};

void set_exposure(Config& config, const Setting& setting) {
    const std::string mode = setting.text();
    if (mode != "overlay" && mode != "links") setting.fail(R"(must be "overlay" or "links")");
    config.exposure = mode;
}

void set_smi(Config& config, const Setting& setting) {
    constexpr std::array<std::pair<std::string_view, SmiPolicy>, 3> kPolicies{
        {{"off", SmiPolicy::off}, {"warn", SmiPolicy::warn}, {"require", SmiPolicy::require}}};
    const std::string text = setting.text();
    const auto* const found =
        std::find_if(kPolicies.begin(), kPolicies.end(), [&](const auto& p) { return p.first == text; });
    if (found == kPolicies.end()) setting.fail(R"(must be "off", "warn" or "require")");
    config.nvidia_smi = found->second;
}

void set_require(TrustPolicy& policy, const Setting& setting) {
    const std::string text = setting.text();
    if (text != "any" && text != "all") setting.fail(R"(must be "any" or "all")");
    policy.require_all = text == "all";
}

/// A proxy may hold a password, so the value is never shown.
void set_proxy(Config& config, const Setting& setting) {
    constexpr std::array<std::string_view, 4> kSchemes{"http://", "https://", "socks5://", "socks5h://"};
    const std::string url = setting.text();
    const bool is_plain = std::none_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c == '\x7f'; });
    const bool is_proxy = std::any_of(kSchemes.begin(), kSchemes.end(), [&](std::string_view scheme) {
        return url.starts_with(scheme) && url.size() > scheme.size();
    });
    if (!is_plain || !is_proxy)
        setting.fail("must be a URL like \"http://proxy.example:3128\" (http, https, socks5, socks5h)");
    config.proxy = url;
}

void set_no_proxy(Config& config, const Setting& setting) {
    std::vector<std::string> hosts = setting.texts();
    for (const std::string& host : hosts) {
        if (host.find_first_of(" ,\t\n/") != std::string::npos)
            setting.fail(
                "must be an array of hosts or domains, one each, like [\"registry.example\", \".corp.example\"]");
    }
    config.no_proxy = std::move(hosts);
}

void set_identity(TrustPolicy& policy, const Setting& setting) {
    std::vector<std::string> repositories = setting.texts();
    for (const std::string& repository : repositories) {
        const std::string wrong = wrong_with_place(repository);
        if (!wrong.empty()) setting.fail(fmt::format("holds '{}', which {}", repository.substr(0, 100), wrong));
    }
    policy.identity = std::move(repositories);
}

void set_prefix(TrustPolicy& policy, const Setting& setting) {
    const std::string prefix = setting.text();
    const std::string wrong = wrong_with_place(prefix);
    if (!wrong.empty()) setting.fail(wrong);
    policy.prefix = prefix;
}

void set_keys(TrustPolicy& policy, const Setting& setting) { policy.keys = setting.texts(); }
void set_allowance(TrustPolicy& policy, const Setting& setting) { policy.allow_unsigned = setting.boolean(); }

const std::array kPolicyKeys = std::to_array<Known<TrustPolicy>>({
    {"trust.policy.prefix", set_prefix},
    {"trust.policy.keys", set_keys},
    {"trust.policy.require", set_require},
    {"trust.policy.allow-unsigned", set_allowance},
    {"trust.policy.identity", set_identity},
});

const std::array kKeys = std::to_array<Known<Config>>({
    {"driver", [](Config& c, const Setting& s) { c.driver = s.parsed(DriverWish::parse); }},
    {"pin", [](Config& c, const Setting& s) { c.pin = s.parsed(DriverId::parse); }},
    {"hold", [](Config& c, const Setting& s) { c.hold = s.boolean(); }},
    {"sources", [](Config& c, const Setting& s) { c.sources = s.texts(); }},
    {"exposure", set_exposure},
    {"nvidia-smi", set_smi},
    {"kubelet-wait", [](Config& c, const Setting& s) { c.kubelet_wait = s.seconds(0); }},
    {"before", [](Config& c, const Setting& s) { c.before = s.texts(); }},
    {"trust.keys", [](Config& c, const Setting& s) { set_keys(c.trust, s); }},
    {"trust.require", [](Config& c, const Setting& s) { set_require(c.trust, s); }},
    {"trust.allow-unsigned", [](Config& c, const Setting& s) { set_allowance(c.trust, s); }},
    {"trust.identity", [](Config& c, const Setting& s) { set_identity(c.trust, s); }},
    {"registry.insecure", [](Config& c, const Setting& s) { c.insecure_registries = s.texts(); }},
    {"registry.proxy", set_proxy},
    {"registry.no-proxy", set_no_proxy},
    {"registry.boot-jitter", [](Config& c, const Setting& s) { c.boot_jitter = s.seconds(0); }},
    {"registry.connect-timeout", [](Config& c, const Setting& s) { c.connect_timeout = s.seconds(1); }},
    {"registry.stall-timeout", [](Config& c, const Setting& s) { c.stall_timeout = s.seconds(1); }},
    {"registry.patience", [](Config& c, const Setting& s) { c.patience = s.seconds(1); }},
});

/// `; did you mean 'hold'?`, or nothing.
std::string suggestion(const std::string& name) {
    std::vector<std::string> keys{kPolicy};
    for (const auto& known : kKeys) keys.emplace_back(known.key);
    for (const auto& known : kPolicyKeys) keys.emplace_back(known.key);
    const std::string nearest = nearest_name(name, keys);
    return nearest.empty() ? std::string{} : fmt::format("; did you mean '{}'?", nearest);
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
        const Answer answer = apply<Config>(config_, kKeys, setting);
        if (answer == Answer::bad_value && setting.key().starts_with("trust.")) make_strict(config_.trust);
    }

    template <typename Target>
    Answer apply(Target& target, std::span<const Known<Target>> known, const Setting& setting) {
        const auto found = std::find_if(known.begin(), known.end(),
                                        [&](const Known<Target>& each) { return each.key == setting.key(); });
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
            good = apply<TrustPolicy>(policy, kPolicyKeys, setting) != Answer::bad_value && good;
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
