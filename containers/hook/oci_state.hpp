#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace overdrive {

/// What a hook needs of the container state that the runtime writes to its standard input.
/// @see OCI runtime-spec runtime.md, "State"
struct ContainerState {
    std::string bundle;  ///< absolute path of the bundle
    std::string root;    ///< crun's addition: the container root; empty with other runtimes
};

/// @throws Error config when it is not JSON, or names no bundle
[[nodiscard]] ContainerState parse_state(std::string_view text);

/// `root.path` of a bundle's config.json. @throws Error config when it is not JSON, or has none
[[nodiscard]] std::string parse_root_path(std::string_view config);

/// The absolute path of the container root: a relative one is relative to the bundle.
/// @param read_config  gives the text of <bundle>/config.json; asked only when the state does not name the root
[[nodiscard]] std::string container_root_path(const ContainerState& state,
                                              const std::function<std::string()>& read_config);

}  // namespace overdrive
