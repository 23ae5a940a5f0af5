#include "model/exit_code.hpp"

namespace overdrive {

ExitCode exit_code_of(Errc reason) noexcept {
    switch (reason) {
        case Errc::usage:
        case Errc::config:
        case Errc::untrusted:
        case Errc::older_artifact:
        case Errc::not_root:
        case Errc::bad_root:
        case Errc::bad_reference:
        case Errc::foreign_driver:
            return ExitCode::usage;
        case Errc::no_artifact:
            return ExitCode::no_artifact;
        case Errc::unreachable:
        case Errc::login_refused:
        case Errc::tls_refused:
            return ExitCode::unreachable;
        case Errc::busy:
        case Errc::module_busy:
            return ExitCode::busy;
        case Errc::not_restored:
            return ExitCode::not_restored;
        case Errc::answer_is_no:
            return ExitCode::answer_is_no;
        case Errc::bad_os_release:
        case Errc::bad_manifest:
        case Errc::digest_mismatch:
        case Errc::truncated:
        case Errc::bad_archive:
        case Errc::incomplete_artifact:
        case Errc::io:
        case Errc::no_space:
        case Errc::read_only:
        case Errc::module_load:
        case Errc::preflight:
        case Errc::exposure:
        case Errc::device_nodes:
        case Errc::service_manager:
        case Errc::verify_failed:
        case Errc::bad_record:
        case Errc::unsupported:
        case Errc::interrupted:
            return ExitCode::failed;
    }
    return ExitCode::failed;
}

}  // namespace overdrive
