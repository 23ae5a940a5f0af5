#include "verbs/desired_state.hpp"

namespace overdrive {

namespace {

constexpr const char* kMainFile = "/etc/overdrive/config.toml";
constexpr const char* kDropInDirectory = "/etc/overdrive/config.toml.d";

void apply_file(Config& config, const Root& root, const std::string& path, Strictness strictness) {
    const auto text = root.read_file(path, 1U << 20U);
    if (!text) return;
    try {
        apply_config(config, *text, path, strictness);
    } catch (const Error& error) {
        if (strictness == Strictness::interactive) throw;
        config.warnings.emplace_back(error.what());
        config.unsigned_nowhere = true;  // it may have said who vouches for what
    }
}

/// The command line wins over every policy.
void allow_unsigned(Config& config) {
    config.unsigned_nowhere = false;
    config.trust.allow_unsigned = true;
    for (TrustPolicy& policy : config.trust_policies) policy.allow_unsigned = true;
}

}  // namespace

Config load_config(const Root& root, const Overrides& overrides, Strictness strictness) {
    Config config;
    apply_file(config, root, kMainFile, strictness);
    for (const std::string& name : root.list(kDropInDirectory)) {
        if (name.ends_with(".toml")) apply_file(config, root, std::string{kDropInDirectory} + "/" + name, strictness);
    }
    if (overrides.driver) {
        config.driver = DriverWish::parse(*overrides.driver);
        config.pin.reset();
    }
    if (!overrides.sources.empty()) config.sources = overrides.sources;
    if (overrides.allow_unsigned) allow_unsigned(config);
    if (overrides.exposure) config.exposure = *overrides.exposure;
    return config;
}

}  // namespace overdrive
