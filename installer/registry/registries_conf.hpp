#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// What the container tools' registries.conf, version 2, says about where images are fetched from. Pure.
///
/// The `[[registry]]` table with the longest `prefix` that an image name begins with counts, and it alone. Tables with
/// a tag or digest in their prefix never match here: artifacts are asked for by tags that are not known before. A
/// prefix without a port does not match a host with one; the container tools let it, and call that unintended.
/// @see containers-registries.conf(5), containers-registries.conf.d(5)
class RegistriesConf {
public:
    /// One place to ask, as the file has it.
    struct Place {
        std::string host;
        std::string repository;
        bool insecure = false;
        bool is_mirror = false;
        bool for_tags = true;
        bool for_digests = true;
        friend bool operator==(const Place&, const Place&) = default;
    };

    /// Lays one file over those before: a table replaces the one with the same prefix. Keys that are not known, and
    /// settings that are not about places, are passed over.
    /// @param name the file's, for messages
    /// @throws Error config naming file and line; also for a file of version 1 that lists registries
    void apply(std::string_view toml, const std::string& name);

    /// Where a repository is asked for, in order: the mirrors, the place itself last.
    /// @throws Error config when it is blocked, or when a location does not give a well-formed name
    [[nodiscard]] std::vector<Place> places(std::string_view host, std::string_view repository) const;
    /// The place itself as it was named, whatever `location` and mirrors say: what is pushed is never redirected.
    /// @throws Error config when it is blocked
    [[nodiscard]] Place own_place(std::string_view host, std::string_view repository) const;

    static constexpr std::size_t kMostBytes = 1U << 20U;

private:
    struct Mirror {
        std::string location;
        bool insecure = false;
        bool for_tags = true;
        bool for_digests = true;
    };
    struct Table {
        std::string location;  ///< empty: nothing is rewritten (only with `*.`)
        bool insecure = false;
        bool blocked = false;
        std::vector<Mirror> mirrors{};
        std::string origin{};  ///< `'/etc/containers/registries.conf':3`
    };
    class Reader;
    using Tables = std::map<std::string, Table>;  ///< by prefix

    [[nodiscard]] Tables::const_iterator find(std::string_view name) const;
    void refuse_if_blocked(Tables::const_iterator found, std::string_view name) const;

    Tables tables_;
};

}  // namespace overdrive
