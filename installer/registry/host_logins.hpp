#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/process_runner.hpp"
#include "registry/auth_file.hpp"
#include "registry/endpoint.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What our own environment says about logins. The variables name files of our own tree, in a container the
/// container's; everything else lies below the host root.
struct LoginEnvironment {
    std::string registry_auth_file{};                ///< `$REGISTRY_AUTH_FILE`
    std::string runtime_directory{};                 ///< `$XDG_RUNTIME_DIR`
    std::string config_home{};                       ///< `$XDG_CONFIG_HOME`
    std::string docker_config{};                     ///< `$DOCKER_CONFIG`, a directory
    std::string home = "/root";                      ///< below the host root
    unsigned user = 0;                               ///< numeric user id
    bool in_container = false;                       ///< programs of the host cannot run here
    std::map<std::string, std::string> variables{};  ///< what a credential helper is given
};

/// Reads it. `$HOME` counts only where the host root is our own `/`; elsewhere home is root's.
[[nodiscard]] LoginEnvironment read_login_environment(const Root& host, bool in_container);

/// Logins from where the container tools keep them. The files are tried in this order; the first that has a login for
/// the repository counts:
///
/// 1. `$REGISTRY_AUTH_FILE`, which must be there; else `$XDG_RUNTIME_DIR/containers/auth.json` and
///    `/run/containers/<uid>/auth.json`
/// 2. `/etc/containers/auth.json`
/// 3. `$XDG_CONFIG_HOME/containers/auth.json`, else `~/.config/containers/auth.json`
/// 4. `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`
///
/// A credential helper is `docker-credential-NAME` in one of the host's usual directories of programs. It gets the
/// registry on standard input; its answer is read by nobody else and never logged.
/// @see containers-auth.json(5), docker-credential-helpers(1)
class HostLogins final : public LoginFinder {
public:
    /// @param host, processes must outlive this
    HostLogins(const Root& host, ProcessRunner& processes, LoginEnvironment environment);

    [[nodiscard]] const LoginEnvironment& environment() const noexcept { return environment_; }

    /// Files are read when first asked, and once.
    /// @throws Error config: a file that is there cannot be understood; login_refused: a helper is missing, cannot run
    ///         here, or fails
    [[nodiscard]] std::optional<Login> find(const std::string& host, const std::string& repository) override;

private:
    struct File {
        std::string name;  ///< for messages: `'/etc/containers/auth.json'`
        AuthFile content;
    };
    void read_files();
    void read_file(const Root& root, const std::string& path, bool must_exist);
    [[nodiscard]] std::optional<KeptLogin> ask_helper(const LoginAnswer& answer, const std::string& asked_for_by);
    [[nodiscard]] std::optional<std::string> find_helper(const std::string& program) const;

    const Root& host_;
    ProcessRunner& processes_;
    LoginEnvironment environment_;
    std::optional<std::vector<File>> files_;
};

}  // namespace overdrive
