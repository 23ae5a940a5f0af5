#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ports/clock.hpp"
#include "ports/http_transport.hpp"
#include "registry/endpoint.hpp"
#include "registry/patience.hpp"
#include "registry/registries_conf.hpp"
#include "registry/source_name.hpp"
#include "support/root.hpp"

namespace overdrive {

/// How registries are reached from here: the means, and what the host's files say about each registry. Made once for a
/// run; the files are read when the first registry is asked for.
class RegistryAccess {
public:
    /// What a registry is asked with. Everything must outlive the sources and sessions made with it.
    struct Means {
        HttpTransport& transport;
        LoginFinder& logins;
        Clock& clock;
        Patience patience{};
    };

    struct Settings {
        std::vector<std::string> insecure{};  ///< `[registry] insecure` of our configuration
        std::string home = "/root";           ///< whose files count besides those of /etc; below the host root
    };

    /// @param host whose files count; must outlive this
    RegistryAccess(const Root& host, Means means, Settings settings);

    [[nodiscard]] const Means& means() const noexcept { return means_; }

    /// What was worth saying about the files read so far; said once.
    [[nodiscard]] std::vector<std::string> take_warnings() noexcept { return std::exchange(warnings_, {}); }

    /// Where a repository can be asked for, in the order to try: its mirrors, the place itself last.
    /// @throws Error config when the host's files about registries are malformed or forbid this one
    [[nodiscard]] std::vector<Endpoint> endpoints(const SourceName& name);
    /// The place itself, without mirrors and rewriting: what is pushed goes where it was named.
    /// @throws Error as `endpoints`
    [[nodiscard]] Endpoint own_place(const SourceName& name);

private:
    const RegistriesConf& conf();
    [[nodiscard]] Endpoint endpoint(RegistriesConf::Place place);

    const Root& host_;
    Means means_;
    Settings settings_;
    std::optional<RegistriesConf> conf_;
    std::vector<std::string> warnings_;
};

}  // namespace overdrive
