#include "model/config_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "model/config_keys.hpp"
#include "model/secret_mask.hpp"
#include "model/toml_document.hpp"

namespace overdrive {

namespace {

template <typename Keys>
bool has(Keys keys, std::string_view key) {
    return std::any_of(keys.begin(), keys.end(), [&](const auto& known) {
        const bool whole_table = known.key.ends_with(".*");
        return known.key == key || (whole_table && key.starts_with(known.key.substr(0, known.key.size() - 1)));
    });
}

bool is_known(std::string_view key) { return has(config_keys(), key) || has(policy_keys(), key); }

/// Goes down to the values, and covers those whose key is not known.
void cover_unknown(toml::table& table, const std::string& above) {
    for (auto&& [name, node] : table) {
        const std::string key = above.empty() ? std::string{name.str()} : fmt::format("{}.{}", above, name.str());
        if (is_known(key)) continue;
        if (toml::table* const inner = node.as_table()) {
            cover_unknown(*inner, key);
        } else if (toml::array* const array = node.as_array(); array != nullptr && array->is_array_of_tables()) {
            for (toml::node& entry : *array) cover_unknown(*entry.as_table(), key);
        } else {
            table.insert_or_assign(name.str(), "***");
        }
    }
}

}  // namespace

std::string config_view(std::string_view text, const std::string& name) {
    try {
        toml::table table = parse_toml(text, name);
        cover_unknown(table, {});
        std::ostringstream out;
        out << table << '\n';
        return without_secrets(out.str());
    } catch (const Error& error) {
        const std::string_view what = error.what();  // which may quote what it stumbled over
        return without_secrets(fmt::format("not collected: {}: not TOML\n", what.substr(0, what.find(": not TOML"))));
    }
}

}  // namespace overdrive
