#include "cdi/engines.hpp"

#include <fmt/format.h>

#include <array>

#include "support/error.hpp"

namespace overdrive {

namespace {

/// From this version on, until the next line of the same engine, specifications up to `newest` are loaded.
struct Support {
    std::string_view engine;
    CdiVersion since;
    CdiVersion newest;
};

constexpr std::array kSupport{
    Support{"podman", {4, 1, 0}, {0, 4, 0}},      Support{"podman", {4, 3, 0}, {0, 5, 0}},
    Support{"podman", {4, 7, 0}, {0, 6, 0}},      Support{"podman", {5, 1, 0}, {0, 7, 0}},
    Support{"podman", {5, 2, 0}, {0, 8, 0}},      Support{"podman", {5, 5, 0}, {1, 0, 0}},
    Support{"containerd", {1, 7, 0}, {0, 5, 0}},  Support{"containerd", {1, 7, 12}, {0, 6, 0}},
    Support{"containerd", {1, 7, 16}, {0, 7, 0}}, Support{"containerd", {1, 7, 27}, {0, 8, 0}},
    Support{"containerd", {2, 0, 0}, {0, 8, 0}},  Support{"containerd", {2, 0, 5}, {1, 0, 0}},
    Support{"containerd", {2, 2, 1}, {1, 1, 0}},  Support{"cri-o", {1, 24, 0}, {0, 3, 0}},
    Support{"cri-o", {1, 25, 0}, {0, 5, 0}},      Support{"cri-o", {1, 28, 0}, {0, 6, 0}},
    Support{"cri-o", {1, 30, 0}, {0, 7, 0}},      Support{"cri-o", {1, 31, 0}, {0, 8, 0}},
    Support{"cri-o", {1, 33, 0}, {1, 0, 0}},      Support{"cri-o", {1, 35, 0}, {1, 1, 0}},
    Support{"docker", {25, 0, 0}, {0, 6, 0}},     Support{"docker", {25, 0, 17}, {0, 8, 0}},
    Support{"docker", {26, 0, 0}, {0, 6, 0}},     Support{"docker", {26, 1, 0}, {0, 7, 0}},
    Support{"docker", {27, 4, 0}, {0, 8, 0}},     Support{"docker", {28, 1, 0}, {1, 0, 0}},
    Support{"docker", {29, 2, 0}, {1, 1, 0}},
};

std::string engine_name(std::string_view name) {
    if (name == "crio") return "cri-o";
    if (name == "moby") return "docker";
    return std::string{name};
}

}  // namespace

CdiEngine parse_cdi_engine(std::string_view text) {
    const std::size_t equals = text.find('=');
    const auto version = equals == std::string_view::npos ? std::nullopt : parse_cdi_version(text.substr(equals + 1));
    if (!version)
        throw Error{Errc::usage, fmt::format("'{}' is not ENGINE=VERSION; one looks like 'podman=4.9'", text)};
    CdiEngine engine{engine_name(text.substr(0, equals)), *version};
    for (const Support& support : kSupport) {
        if (support.engine == engine.name) return engine;
    }
    throw Error{Errc::usage,
                fmt::format("'{}' is no engine that is known; podman, docker, containerd and cri-o are", engine.name)};
}

std::optional<CdiVersion> newest_cdi_version_of(const CdiEngine& engine) {
    std::optional<CdiVersion> newest;
    for (const Support& support : kSupport) {
        if (support.engine == engine.name && support.since <= engine.version) newest = support.newest;
    }
    return newest;
}

}  // namespace overdrive
