#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// How much a finding matters.
enum class Severity {
    blocks,    ///< the driver cannot work, or must not be loaded, until it is dealt with
    degrades,  ///< it works, but not as it should, or not for long
    informs    ///< good to know; nothing has to be done
};
/// `blocks`, `degrades`, `informs`
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

/// One thing that is wrong, or worth knowing, about this host and its driver. Made by the preflight and by doctor.
///
/// Codes are stable names for scripts, listed once, in finding.cpp; docs/troubleshooting.md has a row for each.
struct Finding {
    std::string code;     ///< `signer-unknown`; one of finding_codes()
    std::string subject;  ///< what it is about: a module, a path, a process, a PCI address; may be empty
    std::string what;     ///< one sentence: what was found, with the names and values that matter
    std::string remedy;   ///< one sentence: what to do about it, with a command where there is one
    friend bool operator==(const Finding&, const Finding&) = default;
};

/// @param code   a listed one; else it is a bug
/// @param remedy empty: that of the code
[[nodiscard]] Finding make_finding(std::string_view code, std::string subject, std::string what,
                                   std::string remedy = {});

/// What is known of a code, whatever it is found on.
struct FindingCode {
    std::string_view code;
    Severity severity;
    std::string_view meaning;  ///< one sentence for the page that lists all codes
    std::string_view remedy;   ///< what to do, in general
};

/// All codes, the one that matters most first: doctor names the first that it finds as the cause.
[[nodiscard]] const std::vector<FindingCode>& finding_codes();
/// @pre the code is listed
[[nodiscard]] const FindingCode& finding_code(std::string_view code);
[[nodiscard]] Severity severity_of(const Finding& finding);
/// By the order of finding_codes(), stable.
void sort_by_importance(std::vector<Finding>& findings);

}  // namespace overdrive
