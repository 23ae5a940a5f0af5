#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace overdrive {

/// Why something failed: the closed list of reasons. `reason_code` gives the stable name that scripts and tests read;
/// model/exit_code.hpp gives the exit code of each.
enum class Errc : std::uint8_t {
    usage,                ///< the command line cannot be understood
    config,               ///< a configuration file is unreadable, malformed or contradicts itself
    untrusted,            ///< no configured key vouches for the artifact and nothing allows unsigned ones
    bad_os_release,       ///< the host's os-release is missing or lacks what its profile needs
    not_root,             ///< the verb changes the host and needs root
    bad_root,             ///< --root names no usable host root
    no_artifact,          ///< no source has a driver for this kernel
    unreachable,          ///< a source does not answer
    login_refused,        ///< a registry wants a login that is missing or that it does not take
    tls_refused,          ///< a server cannot prove that it is the one that was asked for
    older_artifact,       ///< a source offers for a tag something older than what was installed from it before
    bad_reference,        ///< a source, tag or digest is not well-formed
    bad_manifest,         ///< a manifest, index or driver.json is malformed or inconsistent
    digest_mismatch,      ///< bytes do not hash to their digest
    truncated,            ///< fewer bytes came than announced
    bad_archive,          ///< a layer is malformed or holds a refused member
    incomplete_artifact,  ///< the artifact lacks a file it must have, or is for another kernel
    io,                   ///< the operating system refused a file operation
    no_space,             ///< the disk or its inodes are full
    read_only,            ///< the file system is mounted read-only
    busy,                 ///< another run holds the lock
    module_busy,          ///< a loaded module is in use and cannot be swapped
    module_load,          ///< the kernel refused a module
    preflight,            ///< loading the driver would fail, or harm, on this host as it is
    foreign_driver,       ///< somebody else installed a driver here
    exposure,             ///< libraries or programs cannot be made visible on the host
    device_nodes,         ///< a device node cannot be made
    service_manager,      ///< systemd refused, or cannot be reached
    verify_failed,        ///< the driver was loaded but is not what was wanted
    bad_record,           ///< the state record is damaged or written by a newer program
    unsupported,          ///< this host lacks something overdrive relies on
    not_restored,         ///< a failed change could not be undone completely
    interrupted,          ///< a signal stopped the run
    answer_is_no,         ///< the question asked by the verb is answered with no
};

/// The stable, kebab-case name of a reason: `digest-mismatch`.
[[nodiscard]] std::string_view reason_code(Errc code) noexcept;
/// The reason with this name; nullopt when there is none.
[[nodiscard]] std::optional<Errc> parse_reason_code(std::string_view text) noexcept;

/// A failure with a closed reason and a sentence that reads outside-in:
/// `install driver 550.2: open 'etc/os-release': No such file or directory`.
class Error : public std::exception {
public:
    Error(Errc code, std::string message) : code_{code}, text_{std::move(message)} {}

    /// The Error of a failed system call. ENOSPC and EDQUOT become no_space, EROFS becomes read_only, whatever `code`
    /// says. Pass errno saved in a local: building `message` may overwrite the global.
    [[nodiscard]] static Error from_errno(Errc code, int saved_errno, std::string_view message);

    /// Puts context in front.
    void prepend(std::string_view attempted);
    /// Adds what to do about it, as a last sentence.
    [[nodiscard]] Error with_remedy(std::string remedy) &&;

    [[nodiscard]] Errc code() const noexcept { return code_; }
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
    /// What the operator can do; empty when the message says it all.
    [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }

private:
    Errc code_;
    std::string text_;
    std::string remedy_;
};

/// Runs `body`; an Error that leaves it says `attempted` first.
template <typename Body>
decltype(auto) attempting(std::string_view attempted, Body&& body) {
    try {
        return std::forward<Body>(body)();
    } catch (Error& error) {
        error.prepend(attempted);
        throw;
    }
}

}  // namespace overdrive
