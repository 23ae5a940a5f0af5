#include "registry/registries_conf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "model/toml_document.hpp"
#include "registry/image_reference.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// How much of `name` (`host[:port]/repository`) the prefix covers; nullopt when it is not one.
std::optional<std::size_t> covered(std::string_view name, std::string_view prefix) {
    if (!prefix.starts_with("*.")) {
        if (!name.starts_with(prefix)) return std::nullopt;
        if (name.size() != prefix.size() && name[prefix.size()] != '/') return std::nullopt;
        return prefix.size();
    }
    // `*.example.com` stands for any number of subdomains, with any port.
    const std::string_view host = name.substr(0, name.find('/'));
    const auto parts = split_port(host);
    if (!parts || !parts->name.ends_with(prefix.substr(1))) return std::nullopt;
    return parts->name.size();
}

RegistriesConf::Place split_name(std::string_view name, const std::string& origin) {
    const std::size_t slash = name.find('/');
    const std::string_view host = name.substr(0, slash);
    const std::string_view repository = slash == std::string_view::npos ? std::string_view{} : name.substr(slash + 1);
    if (!is_registry_host(host) || !is_repository(repository)) {
        throw Error{Errc::config, fmt::format("{}: its location makes '{}', which is no HOST[:PORT]/REPOSITORY", origin,
                                              name.substr(0, 500))};
    }
    return {.host = std::string{host}, .repository = std::string{repository}};
}

}  // namespace

/// Reads one document; remembers where it is for messages.
class RegistriesConf::Reader {
public:
    Reader(Tables& tables, const std::string& name) : tables_{tables}, name_{name} {}

    void read(const toml::table& document) {
        refuse_version_1(document);
        const toml::node* registries = document.get("registry");
        if (registries == nullptr) return;
        for (const toml::table* table : tables_of(*registries, "registry")) {
            auto [prefix, read] = read_table(*table);
            tables_.insert_or_assign(std::move(prefix), std::move(read));
        }
    }

private:
    [[noreturn]] void fail(const toml::node& at, std::string_view what) const {
        throw Error{Errc::config, fmt::format("{}: {}", place(at), what)};
    }
    [[nodiscard]] std::string place(const toml::node& at) const {
        return fmt::format("{}:{}", name_, at.source().begin.line);
    }

    /// Version 1 lists registries by what is to be done with them. An empty list says nothing in either version.
    void refuse_version_1(const toml::table& document) const {
        const toml::node* old = document.get("registries");
        const toml::table* lists = old == nullptr ? nullptr : old->as_table();
        if (lists == nullptr) return;
        for (const auto& [kind, list] : *lists) {
            const toml::array* names = list.is_table() ? list.as_table()->get_as<toml::array>("registries") : nullptr;
            if (names == nullptr || names->empty()) continue;
            throw Error{Errc::config, fmt::format("{}: [registries.{}] is the format of version 1, which is not read",
                                                  place(list), std::string_view{kind.str()})}
                .with_remedy("write it as [[registry]] tables; see containers-registries.conf(5)");
        }
    }

    [[nodiscard]] std::vector<const toml::table*> tables_of(const toml::node& node, std::string_view key) const {
        const toml::array* array = node.as_array();
        if (array == nullptr) fail(node, fmt::format("'{}' must be an array of tables: [[{}]]", key, key));
        std::vector<const toml::table*> out;
        for (const toml::node& entry : *array) {
            if (!entry.is_table()) fail(entry, fmt::format("'{}' must hold tables only", key));
            out.push_back(entry.as_table());
        }
        return out;
    }

    [[nodiscard]] std::string text(const toml::table& table, std::string_view key) const {
        const toml::node* node = table.get(key);
        if (node == nullptr) return {};
        const auto value = node->value_exact<std::string>();
        if (!value) fail(*node, fmt::format("'{}' must be a string", key));
        return *value;
    }

    [[nodiscard]] bool flag(const toml::table& table, std::string_view key) const {
        const toml::node* node = table.get(key);
        if (node == nullptr) return false;
        const auto value = node->value_exact<bool>();
        if (!value) fail(*node, fmt::format("'{}' must be true or false", key));
        return *value;
    }

    /// A prefix or location: no scheme, no slash at its end.
    [[nodiscard]] std::string name(const toml::table& table, std::string_view key) const {
        std::string value = text(table, key);
        while (value.ends_with('/')) value.pop_back();
        if (value.starts_with("http://") || value.starts_with("https://"))
            fail(table, fmt::format("'{}' must be HOST[:PORT][/PATH] without '://'", key));
        return value;
    }

    [[nodiscard]] Mirror read_mirror(const toml::table& table, bool by_digest_only) const {
        Mirror mirror{.location = name(table, "location"), .insecure = flag(table, "insecure")};
        if (mirror.location.empty()) fail(table, "a mirror needs a 'location'");
        const std::string pull = text(table, "pull-from-mirror");
        if (!pull.empty() && by_digest_only)
            fail(table, "'pull-from-mirror' cannot stand beside 'mirror-by-digest-only'");
        if (!pull.empty() && pull != "all" && pull != "digest-only" && pull != "tag-only")
            fail(table, R"('pull-from-mirror' must be "all", "digest-only" or "tag-only")");
        mirror.for_tags = !by_digest_only && pull != "digest-only";
        mirror.for_digests = pull != "tag-only";
        return mirror;
    }

    [[nodiscard]] std::pair<std::string, Table> read_table(const toml::table& table) const {
        Table out{.location = name(table, "location"),
                  .insecure = flag(table, "insecure"),
                  .blocked = flag(table, "blocked"),
                  .origin = place(table)};
        std::string prefix = name(table, "prefix");
        if (prefix.empty()) prefix = out.location;
        if (prefix.empty()) fail(table, "[[registry]] needs a 'location' or a 'prefix'");
        if (out.location.empty() && !prefix.starts_with("*."))
            fail(table, fmt::format("[[registry]] with the prefix '{}' needs a 'location'", prefix));
        if (!text(table, "pull-from-mirror").empty()) fail(table, "'pull-from-mirror' belongs in [[registry.mirror]]");
        const bool by_digest_only = flag(table, "mirror-by-digest-only");
        if (const toml::node* mirrors = table.get("mirror")) {
            for (const toml::table* mirror : tables_of(*mirrors, "registry.mirror"))
                out.mirrors.push_back(read_mirror(*mirror, by_digest_only));
        }
        return {std::move(prefix), std::move(out)};
    }

    Tables& tables_;
    const std::string& name_;
};

void RegistriesConf::apply(std::string_view toml, const std::string& name) {
    if (toml.size() > kMostBytes)
        throw Error{Errc::config, fmt::format("{}: more than {} bytes are no registries.conf", name, kMostBytes)};
    Reader{tables_, name}.read(parse_toml(toml, name));
}

RegistriesConf::Tables::const_iterator RegistriesConf::find(std::string_view name) const {
    auto best = tables_.end();
    for (auto table = tables_.begin(); table != tables_.end(); ++table) {
        const bool longer = best == tables_.end() || table->first.size() > best->first.size();
        if (longer && covered(name, table->first)) best = table;
    }
    return best;
}

void RegistriesConf::refuse_if_blocked(Tables::const_iterator found, std::string_view name) const {
    if (found == tables_.end() || !found->second.blocked) return;
    throw Error{Errc::config, fmt::format("{} is blocked by {}", name, found->second.origin)}.with_remedy(
        fmt::format("take it out of 'sources', or drop 'blocked' from the table with the prefix '{}'", found->first));
}

std::vector<RegistriesConf::Place> RegistriesConf::places(std::string_view host, std::string_view repository) const {
    const std::string name = fmt::format("{}/{}", host, repository);
    const auto found = find(name);
    if (found == tables_.end()) return {{.host = std::string{host}, .repository = std::string{repository}}};
    refuse_if_blocked(found, name);
    const auto& [prefix, table] = *found;
    const std::string_view rest = std::string_view{name}.substr(covered(name, prefix).value());
    std::vector<Place> places;
    for (const Mirror& mirror : table.mirrors) {
        Place place = split_name(fmt::format("{}{}", mirror.location, rest), table.origin);
        place.insecure = mirror.insecure;
        place.is_mirror = true;
        place.for_tags = mirror.for_tags;
        place.for_digests = mirror.for_digests;
        places.push_back(std::move(place));
    }
    Place own = split_name(table.location.empty() ? name : fmt::format("{}{}", table.location, rest), table.origin);
    own.insecure = table.insecure;
    places.push_back(std::move(own));
    return places;
}

RegistriesConf::Place RegistriesConf::own_place(std::string_view host, std::string_view repository) const {
    const std::string name = fmt::format("{}/{}", host, repository);
    const auto found = find(name);
    refuse_if_blocked(found, name);
    return {.host = std::string{host},
            .repository = std::string{repository},
            .insecure = found != tables_.end() && found->second.insecure};
}

}  // namespace overdrive
