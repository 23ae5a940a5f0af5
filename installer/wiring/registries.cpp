#include "wiring/registries.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "registry/host_seed.hpp"

namespace overdrive {

namespace {

/// The certificates that came with the program, for a host that has none; empty in a development build.
std::string bundled_ca_file(const ProgramFacts& program) {
    return program.program_directory.empty() ? std::string{} : program.program_directory + "/share/ca-certificates.crt";
}

CurlSettings curl_settings(const Root& root, const Config& config, const ProgramFacts& program) {
    return {.insecure_registries = config.insecure_registries,
            .ca_file = find_ca_file(root).value_or(bundled_ca_file(program)),
            .user_agent = "overdrive/" + program.version,
            .connect_timeout = config.connect_timeout,
            .stall_timeout = config.stall_timeout,
            .proxy = config.proxy,
            .no_proxy = fmt::format("{}", fmt::join(config.no_proxy, ","))};
}

}  // namespace

Registries::Registries(const Root& root, const Config& config, const ProgramFacts& program, ProcessRunner& processes,
                       Clock& clock)
    : transport{curl_settings(root, config, program)},
      logins{root, processes, read_login_environment(root, program.in_container)},
      access{root,
             {transport, logins, clock, {.budget = config.patience, .seed = host_seed(root)}},
             {.insecure = config.insecure_registries, .home = logins.environment().home}} {}

}  // namespace overdrive
