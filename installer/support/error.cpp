#include "support/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace overdrive {

std::string_view reason_code(Errc code) noexcept {
    switch (code) {
        case Errc::usage:
            return "usage";
        case Errc::config:
            return "config";
        case Errc::untrusted:
            return "untrusted";
        case Errc::bad_os_release:
            return "bad-os-release";
        case Errc::not_root:
            return "not-root";
        case Errc::bad_root:
            return "bad-root";
        case Errc::no_artifact:
            return "no-artifact";
        case Errc::unreachable:
            return "unreachable";
        case Errc::login_refused:
            return "login-refused";
        case Errc::tls_refused:
            return "tls-refused";
        case Errc::older_artifact:
            return "older-artifact";
        case Errc::bad_reference:
            return "bad-reference";
        case Errc::bad_manifest:
            return "bad-manifest";
        case Errc::digest_mismatch:
            return "digest-mismatch";
        case Errc::truncated:
            return "truncated";
        case Errc::bad_archive:
            return "bad-archive";
        case Errc::incomplete_artifact:
            return "incomplete-artifact";
        case Errc::io:
            return "io";
        case Errc::no_space:
            return "no-space";
        case Errc::read_only:
            return "read-only";
        case Errc::busy:
            return "busy";
        case Errc::module_busy:
            return "module-busy";
        case Errc::preflight:
            return "preflight";
        case Errc::foreign_driver:
            return "foreign-driver";
        case Errc::module_load:
            return "module-load";
        case Errc::exposure:
            return "exposure";
        case Errc::device_nodes:
            return "device-nodes";
        case Errc::service_manager:
            return "service-manager";
        case Errc::verify_failed:
            return "verify-failed";
        case Errc::bad_record:
            return "bad-record";
        case Errc::unsupported:
            return "unsupported";
        case Errc::not_restored:
            return "not-restored";
        case Errc::interrupted:
            return "interrupted";
        case Errc::answer_is_no:
            return "answer-is-no";
    }
    return "unknown";
}

std::optional<Errc> parse_reason_code(std::string_view text) noexcept {
    for (unsigned value = 0; value <= static_cast<unsigned>(Errc::answer_is_no); ++value) {
        const auto code = static_cast<Errc>(value);
        if (reason_code(code) == text) return code;
    }
    return std::nullopt;
}

Error Error::from_errno(Errc code, int saved_errno, std::string_view message) {
    if (saved_errno == ENOSPC || saved_errno == EDQUOT) code = Errc::no_space;
    if (saved_errno == EROFS) code = Errc::read_only;
    return {code, fmt::format("{}: {}", message, std::generic_category().message(saved_errno))};
}

void Error::prepend(std::string_view attempted) { text_ = fmt::format("{}: {}", attempted, text_); }

Error Error::with_remedy(std::string remedy) && {
    remedy_ = std::move(remedy);
    return std::move(*this);
}

}  // namespace overdrive
