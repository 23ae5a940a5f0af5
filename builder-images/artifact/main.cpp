#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/remove_cli.hpp"
#include "cli/system_clock.hpp"
#include "cli/terminal_progress.hpp"
#include "model/exit_code.hpp"
#include "process/boost_process_runner.hpp"
#include "support/error.hpp"
#include "support/interruption.hpp"
#include "support/visible_text.hpp"

namespace overdrive {

namespace {

int report(const Error& error) {
    fmt::print(stderr, "overdrive-artifact: error ({}): {}\n", reason_code(error.code()), visible_text(error.what()));
    if (!error.remedy().empty()) fmt::print(stderr, "{}\n", error.remedy());
    return static_cast<int>(exit_code_of(error.code()));
}

int run(int argc, char** argv) {
    CLI::App app{"Makes, moves, signs and inspects driver artifacts. Runs where images are built, never on a node."};
    app.name("overdrive-artifact");
    app.set_version_flag("--version", "overdrive-artifact " OVERDRIVE_VERSION);
    app.require_subcommand(1);
    bool quiet = false;
    app.add_flag("-q,--quiet", quiet, "no progress on standard error");
    app.footer(
        "An image is named docker://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST], oci:DIRECTORY[:TAG] or "
        "oci-archive:FILE[:TAG].\n"
        "Exit codes: 0 done or nothing to do, 1 failed, 2 usage, configuration or trust, 3 no such image,\n"
        "            6 registry unreachable or login refused, 7 others keep overwriting the tag, 8 the answer is no "
        "(verify, delta).");
    Chosen chosen;
    add_packing_verbs(app, chosen);
    add_delta_verb(app, chosen);
    add_moving_verbs(app, chosen);
    add_tag_verb(app, chosen);
    add_remove_verb(app, chosen);
    add_resolve_verb(app, chosen);
    add_looking_verbs(app, chosen);
    add_sign_verb(app, chosen);
    add_verify_verb(app, chosen);
    add_attach_verbs(app, chosen);
    add_index_verb(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
    }
    watch_for_interruption();
    BoostProcessRunner processes;
    SystemClock clock;
    TerminalProgress progress{::isatty(STDERR_FILENO) != 0, quiet};
    ArtifactServices services{processes, clock, progress};
    chosen(services);
    return 0;
}

}  // namespace

}  // namespace overdrive

int main(int argc, char** argv) {
    try {
        return overdrive::run(argc, argv);
    } catch (const overdrive::Error& error) {
        return overdrive::report(error);
    } catch (const std::exception& error) {
        return overdrive::report(overdrive::Error{overdrive::Errc::unsupported, error.what()});
    }
}
