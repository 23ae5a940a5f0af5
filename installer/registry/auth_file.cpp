#include "registry/auth_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/json_reader.hpp"
#include "support/base64.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kHub = "docker.io";
/// What `docker login` asks a helper for when Docker Hub is meant.
constexpr std::string_view kHubServer = "https://index.docker.io/v1/";
constexpr std::size_t kMostHelperName = 64;

/// The names of Docker Hub are one.
std::string_view one_name(std::string_view host) {
    return host == "index.docker.io" || host == "registry-1.docker.io" ? kHub : host;
}

/// The host in a spelling with a scheme, `https://host/v1/`; nullopt for the spellings of today.
std::optional<std::string_view> host_of_url(std::string_view key) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!key.starts_with(scheme)) continue;
        key.remove_prefix(scheme.size());
        return key.substr(0, key.find('/'));
    }
    return std::nullopt;
}

bool is_helper_name(std::string_view name) {
    const auto alnum = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    return !name.empty() && name.size() <= kMostHelperName && alnum(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return alnum(c) || c == '.' || c == '_' || c == '-'; });
}

std::string helper_name(const JsonReader& reader, const std::string& key) {
    std::string name = reader.optional_string(key).value_or("");
    if (!name.empty() && !is_helper_name(name)) {
        reader.fail(key, "names no helper: NAME of docker-credential-NAME has letters, digits and . _ - only");
    }
    return name;
}

/// nullopt for an entry that holds no login, as a credential helper leaves one.
std::optional<KeptLogin> read_entry(const JsonReader& entry) {
    KeptLogin login;
    login.identity_token = entry.optional_string("identitytoken").value_or("");
    const std::string encoded = entry.optional_string("auth").value_or("");
    if (!encoded.empty()) {
        const auto decoded = decode_base64(encoded);
        if (!decoded) entry.fail("auth", "is not base64");
        const std::size_t colon = decoded->find(':');
        if (colon == std::string::npos || (colon == 0 && login.identity_token.empty()))
            entry.fail("auth", "is not USER:PASSWORD in base64");
        login.user = decoded->substr(0, colon);
        login.password = decoded->substr(colon + 1);
        login.password.erase(login.password.find_last_not_of('\0') + 1);  // old versions of docker pad with NUL
    }
    if (login.user.empty() && login.identity_token.empty()) return std::nullopt;
    return login;
}

}  // namespace

AuthFile AuthFile::parse(std::string_view text, const std::string& name) {
    if (text.size() > kMostBytes) {
        throw Error{Errc::config, fmt::format("{}: a file of logins has at most {} bytes", name, kMostBytes)};
    }
    AuthFile file;
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return file;  // as the container tools take it
    const JsonReader reader = JsonReader::parse(text, name, Errc::config, JsonReader::Quoting::keys_only);
    if (const auto auths = reader.optional_object("auths")) file.take_entries(*auths);
    if (const auto helpers = reader.optional_object("credHelpers")) file.take_helpers(*helpers);
    file.store_ = helper_name(reader, "credsStore");
    return file;
}

void AuthFile::take_entries(const JsonReader& auths) {
    for (const std::string& key : auths.names()) {
        const auto entry = auths.optional_object(key);
        auto login = entry ? read_entry(*entry) : std::nullopt;
        if (!login) continue;
        const std::string place = fmt::format("auths.\"{}\"", key);
        if (const auto host = host_of_url(key)) {
            old_spellings_.try_emplace(std::string{one_name(*host)}, Entry{std::move(*login), place});
            continue;
        }
        const std::size_t slash = std::min(key.find('/'), key.size());
        entries_.try_emplace(std::string{one_name(key.substr(0, slash))} + key.substr(slash),
                             Entry{std::move(*login), place});
    }
}

void AuthFile::take_helpers(const JsonReader& helpers) {
    for (const std::string& key : helpers.names()) {
        std::string helper = helper_name(helpers, key);
        if (helper.empty()) continue;
        helpers_.try_emplace(std::string{one_name(host_of_url(key).value_or(key))},
                             Helper{std::move(helper), fmt::format("credHelpers.\"{}\"", key)});
    }
}

std::optional<LoginAnswer> AuthFile::find(std::string_view host, std::string_view repository) const {
    const std::string_view name = one_name(host);
    const std::string helper_key{name == kHub ? kHubServer : name};
    if (const auto helper = helpers_.find(name); helper != helpers_.end()) {
        return LoginAnswer{.helper = helper->second.name, .helper_key = helper_key, .place = helper->second.place};
    }
    std::string key = fmt::format("{}/{}", name, repository);
    while (true) {
        if (const auto entry = entries_.find(key); entry != entries_.end()) {
            return LoginAnswer{.login = entry->second.login, .place = entry->second.place};
        }
        const std::size_t slash = key.rfind('/');
        if (slash == std::string::npos) break;
        key.resize(slash);
    }
    if (const auto entry = old_spellings_.find(name); entry != old_spellings_.end()) {
        return LoginAnswer{.login = entry->second.login, .place = entry->second.place};
    }
    if (store_.empty()) return std::nullopt;
    return LoginAnswer{.helper = store_, .helper_key = helper_key, .place = "credsStore"};
}

KeptLogin parse_helper_answer(std::string_view text, const std::string& helper) {
    if (text.size() > AuthFile::kMostBytes)
        throw Error{Errc::config, fmt::format("{}: its answer is too long", helper)};
    const JsonReader reader = JsonReader::parse(text, helper, Errc::config, JsonReader::Quoting::keys_only);
    const std::string user = reader.string("Username");
    const std::string secret = reader.string("Secret");
    if (user == "<token>") return {.user = {}, .password = {}, .identity_token = secret};
    return {.user = user, .password = secret, .identity_token = {}};
}

}  // namespace overdrive
