#pragma once

#include <optional>
#include <string>

#include "ports/http_transport.hpp"

namespace overdrive {

/// One place where a repository can be asked for: the configured registry itself, or a mirror of it.
struct Endpoint {
    std::string host;        ///< `registry.example:5000`
    std::string repository;  ///< as it is named there: a mirror may have another prefix
    bool plain_http = false;
    bool is_mirror = false;
    bool for_tags = true;     ///< may be asked for a tag (a mirror may be restricted)
    bool for_digests = true;  ///< may be asked for a digest
    TlsFiles tls{};

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// What a registry wants to know from us.
struct Login {
    std::string user;
    std::string password;
    std::string identity_token{};  ///< an OAuth2 refresh token; then user and password are empty
    std::string origin{};          ///< for messages, never with the secret: `'/etc/containers/auth.json'`
};

/// Finds logins where the container tools keep them.
class LoginFinder {
public:
    LoginFinder() = default;
    LoginFinder(const LoginFinder&) = delete;
    LoginFinder& operator=(const LoginFinder&) = delete;
    virtual ~LoginFinder() = default;

    /// The login for a repository, the most specific that there is; nullopt when there is none.
    /// @throws Error config when a file that is there cannot be understood, naming it; login_refused when a credential
    ///         helper is missing or fails
    [[nodiscard]] virtual std::optional<Login> find(const std::string& host, const std::string& repository) = 0;
};

}  // namespace overdrive
