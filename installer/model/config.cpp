#include "model/config.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "model/nearest_name.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// Reads one document into a Config; remembers where it is for messages.
class ConfigReader {
public:
    ConfigReader(Config& config, std::string name, Strictness strictness)
        : config_{config}, name_{std::move(name)}, strictness_{strictness} {}

    void read(const toml::table& document) {
        for (const auto& [key, value] : document) read_entry("", std::string{key.str()}, value);
    }

private:
    using Setter = void (ConfigReader::*)(const toml::node&);
    struct Known {
        std::string_view key;
        Setter set;
    };

    void read_entry(const std::string& table, const std::string& key, const toml::node& value) {
        const std::string name = table.empty() ? key : table + "." + key;
        if (const toml::table* inner = value.as_table(); inner != nullptr && table.empty()) {
            for (const auto& [inner_key, inner_value] : *inner)
                read_entry(name, std::string{inner_key.str()}, inner_value);
            return;
        }
        key_ = name;
        line_ = value.source().begin.line;
        const auto* const known =
            std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.key == name; });
        try {
            if (known == kKnown.end()) fail("is not known" + suggestion(name));
            (this->*known->set)(value);
        } catch (const Error& error) {
            if (strictness_ == Strictness::interactive) throw;
            config_.warnings.emplace_back(error.what());
        }
    }

    [[noreturn]] void fail(std::string_view what) const {
        throw Error{Errc::config, fmt::format("{}:{}: '{}' {}", name_, line_, key_, what)};
    }

    [[nodiscard]] std::string text(const toml::node& value) const {
        const auto text = value.value_exact<std::string>();
        if (!text || text->empty()) fail("must be a non-empty string");
        return *text;
    }

    [[nodiscard]] bool boolean(const toml::node& value) const {
        const auto boolean = value.value_exact<bool>();
        if (!boolean) fail("must be true or false");
        return *boolean;
    }

    [[nodiscard]] std::vector<std::string> texts(const toml::node& value) const {
        const toml::array* array = value.as_array();
        if (array == nullptr) fail("must be an array of strings");
        std::vector<std::string> out;
        for (const toml::node& entry : *array) out.push_back(text(entry));
        return out;
    }

    void set_driver(const toml::node& value) {
        try {
            config_.driver = DriverWish::parse(text(value));
        } catch (const Error& error) {
            fail(error.what());
        }
    }
    void set_pin(const toml::node& value) {
        try {
            config_.pin = DriverId::parse(text(value));
        } catch (const Error& error) {
            fail(error.what());
        }
    }
    void set_hold(const toml::node& value) { config_.hold = boolean(value); }
    void set_sources(const toml::node& value) { config_.sources = texts(value); }
    void set_keys(const toml::node& value) { config_.trusted_keys = texts(value); }
    void set_allow_unsigned(const toml::node& value) { config_.allow_unsigned = boolean(value); }
    void set_insecure(const toml::node& value) { config_.insecure_registries = texts(value); }
    void set_before(const toml::node& value) { config_.before = texts(value); }
    void set_exposure(const toml::node& value) {
        const std::string mode = text(value);
        if (mode != "overlay" && mode != "links") fail(R"(must be "overlay" or "links")");
        config_.exposure = mode;
    }
    void set_smi(const toml::node& value) {
        const std::string policy = text(value);
        if (policy == "off") {
            config_.nvidia_smi = SmiPolicy::off;
        } else if (policy == "warn") {
            config_.nvidia_smi = SmiPolicy::warn;
        } else if (policy == "require") {
            config_.nvidia_smi = SmiPolicy::require;
        } else {
            fail(R"(must be "off", "warn" or "require")");
        }
    }
    void set_kubelet_wait(const toml::node& value) {
        const auto seconds = value.value_exact<std::int64_t>();
        if (!seconds || *seconds < 0 || *seconds > 3600) fail("must be a number of seconds from 0 to 3600");
        config_.kubelet_wait = std::chrono::seconds{*seconds};
    }

    static std::string suggestion(const std::string& name);

    static constexpr std::size_t kKeys = 11;
    static const std::array<Known, kKeys> kKnown;

    Config& config_;
    std::string name_;
    Strictness strictness_;
    std::string key_;
    toml::source_index line_ = 0;
};

const std::array<ConfigReader::Known, ConfigReader::kKeys> ConfigReader::kKnown{{
    {"driver", &ConfigReader::set_driver},
    {"pin", &ConfigReader::set_pin},
    {"hold", &ConfigReader::set_hold},
    {"sources", &ConfigReader::set_sources},
    {"exposure", &ConfigReader::set_exposure},
    {"nvidia-smi", &ConfigReader::set_smi},
    {"kubelet-wait", &ConfigReader::set_kubelet_wait},
    {"before", &ConfigReader::set_before},
    {"trust.keys", &ConfigReader::set_keys},
    {"trust.allow-unsigned", &ConfigReader::set_allow_unsigned},
    {"registry.insecure", &ConfigReader::set_insecure},
}};

std::string ConfigReader::suggestion(const std::string& name) {
    std::vector<std::string> keys;
    for (const Known& known : kKnown) keys.emplace_back(known.key);
    const std::string nearest = nearest_name(name, keys);
    return nearest.empty() ? std::string{} : fmt::format("; did you mean '{}'?", nearest);
}

}  // namespace

std::optional<DriverWish> Config::wish() const { return pin ? std::optional{DriverWish::parse(pin->text())} : driver; }

void apply_config(Config& config, std::string_view toml, const std::string& name, Strictness strictness) {
    toml::table document;
    try {
        document = toml::parse(toml, name);
    } catch (const toml::parse_error& error) {
        throw Error{Errc::config,
                    fmt::format("{}:{}: not TOML: {}", name, error.source().begin.line, error.description())};
    }
    ConfigReader{config, name, strictness}.read(document);
}

}  // namespace overdrive
