#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

class JsonReader;

/// What is kept in a file of logins.
struct KeptLogin {
    std::string user;
    std::string password;
    std::string identity_token;  ///< an OAuth2 refresh token; user and password count for nothing beside it
    friend bool operator==(const KeptLogin&, const KeptLogin&) = default;
};

/// What a file of logins says about one repository.
struct LoginAnswer {
    std::optional<KeptLogin> login{};
    std::string helper{};      ///< `ecr-login`: ask `docker-credential-ecr-login`; empty when `login` is there
    std::string helper_key{};  ///< what the helper is asked for
    std::string place{};       ///< the entry, for messages: `auths."registry.example"`
};

/// A file in which podman, skopeo or docker keep logins: `auth.json`, Docker's `config.json`.
///
/// The most specific entry counts: `host/namespace/repository`, then each shorter namespace, then `host`; last the
/// spellings that `docker login` used to write (`https://host/v1/`). A helper named for a host goes before entries;
/// `credsStore` is asked where no entry holds a login. An entry without a login (`{}`) says nothing.
/// @see containers-auth.json(5); docker-credential-helpers(1); docker login(1), "Credential stores"
class AuthFile {
public:
    /// @param text at most kMostBytes; deep nesting and duplicate keys are refused
    /// @param name the file's, for messages. No message repeats anything but the names of keys.
    /// @throws Error config naming file and key
    [[nodiscard]] static AuthFile parse(std::string_view text, const std::string& name);

    /// @param host `registry.example:5000`; the names of Docker Hub count as one
    /// @return nullopt when the file says nothing about it
    [[nodiscard]] std::optional<LoginAnswer> find(std::string_view host, std::string_view repository) const;

    static constexpr std::size_t kMostBytes = 1U << 20U;

private:
    struct Entry {
        KeptLogin login;
        std::string place;
    };
    struct Helper {
        std::string name;
        std::string place;
    };
    void take_entries(const JsonReader& auths);
    void take_helpers(const JsonReader& helpers);

    std::map<std::string, Entry, std::less<>> entries_;        ///< by `host[/namespace[/repository]]`
    std::map<std::string, Entry, std::less<>> old_spellings_;  ///< by host
    std::map<std::string, Helper, std::less<>> helpers_;       ///< by host
    std::string store_;
};

/// What a credential helper printed for `get`: `{"ServerURL": ..., "Username": ..., "Secret": ...}`. The user `<token>`
/// marks an identity token.
/// @param helper for messages, which never repeat the text
/// @throws Error config
[[nodiscard]] KeptLogin parse_helper_answer(std::string_view text, const std::string& helper);

}  // namespace overdrive
