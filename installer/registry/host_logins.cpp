#include "registry/host_logins.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

#include "support/environment.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// Where a host keeps programs; /opt/bin is Flatcar's. The caller's own PATH does not count.
constexpr std::array kProgramDirectories{"/usr/local/sbin", "/usr/local/bin", "/opt/bin", "/usr/sbin",
                                         "/usr/bin",        "/sbin",          "/bin"};
constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::chrono::seconds kHelperTime{30};
/// What helpers print, and fail with, when they have nothing for the registry.
/// @see docker-credential-helpers, credentials/error.go
constexpr std::string_view kNotFound = "credentials not found in native keychain";

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace

LoginEnvironment read_login_environment(const Root& host, bool in_container) {
    LoginEnvironment environment{.registry_auth_file = environment_variable("REGISTRY_AUTH_FILE"),
                                 .runtime_directory = environment_variable("XDG_RUNTIME_DIR"),
                                 .config_home = environment_variable("XDG_CONFIG_HOME"),
                                 .docker_config = environment_variable("DOCKER_CONFIG"),
                                 .user = geteuid(),
                                 .in_container = in_container,
                                 .variables = environment_for_helpers()};
    const std::string home = environment_variable("HOME");
    if (!in_container && host.path() == "/" && home.starts_with('/')) environment.home = home;
    return environment;
}

HostLogins::HostLogins(const Root& host, ProcessRunner& processes, LoginEnvironment environment)
    : host_{host}, processes_{processes}, environment_{std::move(environment)} {}

void HostLogins::read_file(const Root& root, const std::string& path, bool must_exist) {
    const std::string name = fmt::format("'{}'", path);
    const auto text = attempting("read logins", [&] { return root.read_file(path, AuthFile::kMostBytes); });
    if (!text && must_exist) {
        throw Error{Errc::config, fmt::format("REGISTRY_AUTH_FILE names {}, which is not there", name)};
    }
    if (text) files_->push_back({name, AuthFile::parse(*text, name)});
}

void HostLogins::read_files() {
    if (files_) return;
    files_.emplace();
    try {
        const Root own{"/"};
        const auto own_path = [](const std::string& path) { return std::filesystem::absolute(path).string(); };
        if (!environment_.registry_auth_file.empty()) {
            read_file(own, own_path(environment_.registry_auth_file), true);
        } else {
            if (!environment_.runtime_directory.empty())
                read_file(own, own_path(environment_.runtime_directory) + "/containers/auth.json", false);
            read_file(host_, fmt::format("/run/containers/{}/auth.json", environment_.user), false);
        }
        read_file(host_, "/etc/containers/auth.json", false);
        if (!environment_.config_home.empty())
            read_file(own, own_path(environment_.config_home) + "/containers/auth.json", false);
        else
            read_file(host_, environment_.home + "/.config/containers/auth.json", false);
        if (!environment_.docker_config.empty())
            read_file(own, own_path(environment_.docker_config) + "/config.json", false);
        else
            read_file(host_, environment_.home + "/.docker/config.json", false);
    } catch (...) {
        files_.reset();  // the next one that asks hears it as well
        throw;
    }
}

std::optional<Login> HostLogins::find(const std::string& host, const std::string& repository) {
    read_files();
    for (const File& file : *files_) {
        const auto answer = file.content.find(host, repository);
        if (!answer) continue;
        const std::string origin = fmt::format("{} ({})", file.name, answer->place);
        auto login = answer->login ? answer->login : ask_helper(*answer, origin);
        if (!login) continue;
        return Login{.user = std::move(login->user),
                     .password = std::move(login->password),
                     .identity_token = std::move(login->identity_token),
                     .origin = origin};
    }
    return std::nullopt;
}

std::optional<std::string> HostLogins::find_helper(const std::string& program) const {
    for (const char* directory : kProgramDirectories) {
        const std::string path = fmt::format("{}/{}", directory, program);
        const auto status = host_.status(path);
        if (status && S_ISREG(status->st_mode) && (status->st_mode & 0111U) != 0) return host_.host_path(path);
    }
    return std::nullopt;
}

std::optional<KeptLogin> HostLogins::ask_helper(const LoginAnswer& answer, const std::string& asked_for_by) {
    const std::string program = "docker-credential-" + answer.helper;
    const auto fail = [&](std::string_view what, std::string remedy) {
        throw Error{Errc::login_refused,
                    fmt::format("{} names the credential helper {}, {}", asked_for_by, program, what)}
            .with_remedy(std::move(remedy));
    };
    const std::string instead =
        "log in with 'podman login --authfile /etc/containers/auth.json " + answer.helper_key + "' on the host";
    if (environment_.in_container) fail("a program of the host, which cannot run in a container", instead);
    const auto path = find_helper(program);
    if (!path) fail(fmt::format("which is in none of {}", kPath), "install it, or " + instead);

    ProcessRequest request{.arguments = {*path, "get"},
                           .environment = environment_.variables,
                           .timeout = kHelperTime,
                           .input = answer.helper_key,
                           .errors_apart = true};
    request.environment["PATH"] = kPath;
    request.environment.try_emplace("HOME", environment_.home);
    const ProcessResult result = processes_.run(request);
    const std::string see_why = fmt::format("see why: echo {} | {} get", answer.helper_key, program);
    if (result.timed_out) fail(fmt::format("which did not answer within {} s", kHelperTime.count()), see_why);
    if (result.exit_code != 0) {
        if (trimmed(result.output) == kNotFound) return std::nullopt;
        fail(fmt::format("which failed with exit code {}", result.exit_code), see_why);
    }
    KeptLogin login = parse_helper_answer(result.output, fmt::format("the answer of {}", program));
    if (login.user.empty() && login.identity_token.empty()) return std::nullopt;
    return login;
}

}  // namespace overdrive
