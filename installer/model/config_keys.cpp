#include "model/config_keys.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace overdrive {

namespace {

constexpr std::int64_t kWeek = 7 * 24 * 3600;

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

/// One of a few words, as an enumeration.
template <typename Enum, std::size_t Count>
Enum chosen(const Setting& setting, const std::array<std::pair<std::string_view, Enum>, Count>& words) {
    const std::string text = setting.text();
    std::string known;
    for (const auto& [word, value] : words) {
        if (word == text) return value;
        known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", word);
    }
    setting.fail("must be one of " + known);
}

void set_when_busy(Config& config, const Setting& setting) {
    config.when_busy = chosen<WhenBusy>(
        setting, std::array<std::pair<std::string_view, WhenBusy>, 3>{
                     {{"defer", WhenBusy::defer}, {"wait", WhenBusy::wait}, {"stop", WhenBusy::stop}}});
}

void set_foreign_units(Config& config, const Setting& setting) {
    config.foreign_units =
        chosen<ForeignUnits>(setting, std::array<std::pair<std::string_view, ForeignUnits>, 2>{
                                          {{"mask", ForeignUnits::mask}, {"refuse", ForeignUnits::refuse}}});
}

void set_cdi(Config& config, const Setting& setting) {
    config.containers.cdi = chosen<CdiPolicy>(
        setting, std::array<std::pair<std::string_view, CdiPolicy>, 3>{
                     {{"off", CdiPolicy::off}, {"warn", CdiPolicy::warn}, {"require", CdiPolicy::require}}});
}

void set_other_generators(Config& config, const Setting& setting) {
    config.containers.other_generators = chosen<OtherGenerators>(
        setting,
        std::array<std::pair<std::string_view, OtherGenerators>, 3>{
            {{"mask", OtherGenerators::mask}, {"defer", OtherGenerators::defer}, {"warn", OtherGenerators::warn}}});
}

void set_cdi_version(Config& config, const Setting& setting) {
    const std::string version = setting.text();
    const bool is_plain = version.find_first_not_of("0123456789.") == std::string::npos;
    if (!is_plain || std::count(version.begin(), version.end(), '.') != 2)
        setting.fail("must be a version of CDI like \"0.5.0\"");
    config.containers.cdi_version = version;
}

/// `nvidia = ["NVreg_EnableGpuFirmware=1"]`
void set_parameters(Config& config, const Setting& setting) {
    std::map<std::string, std::string> parameters;
    for (const std::string& text : setting.texts()) {
        const std::size_t equals = text.find('=');
        const bool is_plain = text.find_first_of(" \t\n\"") == std::string::npos;
        if (equals == 0 || equals == std::string::npos || !is_plain)
            setting.fail(fmt::format("holds '{}', which is not of the form name=value without blanks", text));
        parameters.insert_or_assign(text.substr(0, equals), text.substr(equals + 1));
    }
    config.parameters.insert_or_assign(setting.key().substr(std::string_view{"parameters."}.size()),
                                       std::move(parameters));
}

/// An absolute directory of the host.
std::string directory(const Setting& setting) {
    std::string path = setting.text();
    if (!path.starts_with('/') || path.find("/../") != std::string::npos) setting.fail("must be an absolute path");
    return path;
}

const std::array kPolicyKeys = std::to_array<KnownKey<TrustPolicy>>({
    {"trust.policy.prefix", set_prefix},
    {"trust.policy.keys", set_keys},
    {"trust.policy.require", set_require},
    {"trust.policy.allow-unsigned", set_allowance},
    {"trust.policy.identity", set_identity},
});

const std::array kKeys = std::to_array<KnownKey<Config>>({
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
    {"strict", [](Config& c, const Setting& s) { c.strict = s.boolean(); }},
    {"when-busy", set_when_busy},
    {"busy-wait", [](Config& c, const Setting& s) { c.busy_wait = s.seconds(0); }},
    {"foreign-units", set_foreign_units},
    {"parameters.*", set_parameters},
    {"preflight.ignore", [](Config& c, const Setting& s) { c.preflight_ignore = s.texts(); }},
    {"stage.auto", [](Config& c, const Setting& s) { c.stage_auto = s.boolean(); }},
    {"gate.hold", [](Config& c, const Setting& s) { c.gate_hold = s.boolean(); }},
    {"gate.timeout", [](Config& c, const Setting& s) { c.gate_timeout = s.seconds(0, kWeek); }},
    {"hooks.timeout", [](Config& c, const Setting& s) { c.hook_timeout = s.seconds(1); }},
    {"metrics.directory", [](Config& c, const Setting& s) { c.metrics_directory = directory(s); }},
    {"containers.cdi", set_cdi},
    {"containers.spec-directory", [](Config& c, const Setting& s) { c.containers.spec_directory = directory(s); }},
    {"containers.cdi-version", set_cdi_version},
    {"containers.other-generators", set_other_generators},
    {"containers.sockets", [](Config& c, const Setting& s) { c.containers.sockets = s.boolean(); }},
    {"operator-validations", [](Config& c, const Setting& s) { c.operator_validations = s.boolean(); }},
    {"registry.patience", [](Config& c, const Setting& s) { c.patience = s.seconds(1); }},
});

}  // namespace

std::span<const KnownKey<Config>> config_keys() { return kKeys; }
std::span<const KnownKey<TrustPolicy>> policy_keys() { return kPolicyKeys; }

}  // namespace overdrive
