// What the preflight says about whether this very kernel takes the modules: symbol versions and signatures.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/preflight.hpp"

namespace overdrive {

namespace {

struct Mismatch {
    std::string module;
    std::string symbol;
    std::uint32_t wanted;
    std::uint32_t has;
};

/// Where the modules want other versions than `has` says.
std::vector<Mismatch> compare(const std::vector<ModuleFacts>& modules, const SymbolVersions& has) {
    std::vector<Mismatch> out;
    for (const ModuleFacts& module : modules) {
        for (const auto& [symbol, crc] : module.versions) {
            const auto known = has.find(symbol);
            if (known != has.end() && known->second != crc) out.push_back({module.name, symbol, crc, known->second});
        }
    }
    return out;
}

void tell(const std::vector<Mismatch>& mismatches, std::string_view whose, std::vector<Finding>& findings) {
    if (mismatches.empty()) return;
    const Mismatch& first = mismatches.front();
    const std::string more =
        mismatches.size() == 1 ? std::string{} : fmt::format(" ({} more symbols differ)", mismatches.size() - 1);
    findings.push_back(Finding{"symbol-crc", first.module,
                               fmt::format("module '{}' wants {} {:#010x}, {} {:#010x}{}", first.module, first.symbol,
                                           first.wanted, whose, first.has, more),
                               "install the artifact that was built for this very kernel"});
}

/// Names of keyring entries are `subject: id`.
std::string_view subject_of(const EnrolledKey& key) {
    const std::string_view description = key.description;
    return description.substr(0, description.rfind(": "));
}

enum class Standing { trusted, unsigned_, unknown_signer, unreadable, unproven };

/// Whether the kernel's own modules, which it takes, are signed with the same key; libkmod tells less of its name.
bool signs_for_this_kernel(const PreflightFacts& facts, const SignerKey& signer) {
    return !signer.serial.empty() &&
           std::any_of(facts.host_signers.begin(), facts.host_signers.end(), [&](const SignerKey& own) {
               return own.serial == signer.serial && signer.issuer.ends_with(own.issuer);
           });
}

Standing standing_of(const SignerKey& signer, const PreflightFacts& facts) {
    if (signs_for_this_kernel(facts, signer)) return Standing::trusted;
    if (!facts.policy.keys) return Standing::unproven;
    std::string key_id = signer.key_id;
    const auto& certificate = facts.certificate;
    const bool is_of_certificate =
        key_id.empty() && certificate && certificate->serial == signer.serial && certificate->issuer == signer.issuer;
    if (is_of_certificate) key_id = certificate->key_id;
    // A key whose certificate has no key identifier is listed by its serial number.
    const bool enrolled = std::any_of(
        facts.policy.keys->begin(), facts.policy.keys->end(),
        [&](const EnrolledKey& key) { return !key.id.empty() && (key.id == key_id || key.id == signer.serial); });
    if (enrolled) return Standing::trusted;
    return key_id.empty() ? Standing::unproven : Standing::unknown_signer;
}

/// Of several signers the kernel has to know one.
Standing standing_of(const ModuleFacts& module, const PreflightFacts& facts) {
    if (!module.is_signed) return Standing::unsigned_;
    if (module.signers.empty()) return Standing::unreadable;
    Standing best = Standing::unknown_signer;
    for (const SignerKey& signer : module.signers) {
        const Standing standing = standing_of(signer, facts);
        if (standing == Standing::trusted) return standing;
        if (standing == Standing::unproven) best = standing;
    }
    return best;
}

std::string why_enforced(const KernelPolicy& policy) {
    if (policy.lockdown && *policy.lockdown != "none") {
        return fmt::format("the kernel is locked down ({}){}", *policy.lockdown,
                           policy.secure_boot.value_or(false) ? " under Secure Boot" : "");
    }
    return "module.sig_enforce is set";
}

std::string name_of(const SignerKey& signer) {
    if (!signer.key_id.empty()) return fmt::format("the key {}", signer.key_id);
    return fmt::format("the key with serial {} issued by '{}'", signer.serial, signer.issuer);
}

std::string name_of(const std::vector<SignerKey>& signers) {
    std::vector<std::string> names;
    for (const SignerKey& signer : signers) names.push_back(name_of(signer));
    return fmt::format("{}", fmt::join(names, " and "));
}

/// What `name_of` says of them is in no keyring: `is` or `are`.
std::string_view verb_for(const std::vector<SignerKey>& signers) { return signers.size() == 1 ? "is" : "are"; }

/// Whether a keyring has a key of the signature's issuer, which is the signer's own where it issued itself.
bool issuer_is_enrolled(const PreflightFacts& facts, const SignerKey& signer) {
    return facts.policy.keys && std::any_of(facts.policy.keys->begin(), facts.policy.keys->end(),
                                            [&](const EnrolledKey& key) { return subject_of(key) == signer.issuer; });
}

/// Modules that one sentence tells of.
struct Alike {
    const ModuleFacts* first;
    Standing standing;
    std::size_t count = 1;

    /// `'lib/modules/RELEASE/nvidia.ko' (and 3 more)`
    [[nodiscard]] std::string named() const {
        return count == 1 ? fmt::format("'{}'", first->path)
                          : fmt::format("'{}' (and {} more)", first->path, count - 1);
    }
};

/// The modules by how the kernel will take them and by who signed them.
std::vector<Alike> grouped(const std::vector<ModuleFacts>& modules, const PreflightFacts& facts) {
    std::vector<Alike> groups;
    for (const ModuleFacts& module : modules) {
        const Standing standing = standing_of(module, facts);
        const auto same = std::find_if(groups.begin(), groups.end(), [&](const Alike& group) {
            return group.standing == standing && group.first->signers == module.signers;
        });
        if (same == groups.end()) {
            groups.push_back({&module, standing});
        } else {
            ++same->count;
        }
    }
    return groups;
}

void tell_unproven(const PreflightFacts& facts, const Alike& group, std::vector<Finding>& findings) {
    const std::string enforced = why_enforced(facts.policy);
    const ModuleFacts& module = *group.first;
    if (!facts.policy.keys) {
        findings.push_back(
            Finding{"signer-unproven", module.name,
                    fmt::format("{}, and the kernel's keyrings cannot be read: whether it knows the signer of "
                                "{} shows when it is loaded",
                                enforced, group.named()),
                    "run it as root on the host to read them"});
        return;
    }
    const bool likely = std::any_of(module.signers.begin(), module.signers.end(),
                                    [&](const SignerKey& signer) { return issuer_is_enrolled(facts, signer); });
    if (likely) return;  // as much as this form of signature can show
    findings.push_back(
        Finding{"signer-unproven", module.name,
                fmt::format("{}; {} is signed with {}, and no keyring names that issuer", enforced, group.named(),
                            name_of(module.signers)),
                "if the kernel refuses it: enrol the signer's certificate with 'mokutil --import', and put it "
                "beside the modules as signing_key.x509 so that this can be told beforehand"});
}

}  // namespace

void judge_symbols(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings) {
    if (!facts.modules) return;
    const auto mismatches = compare(*facts.modules, facts.host_symbols);
    tell(mismatches, "this kernel's own modules want", findings);
    if (mismatches.empty() && facts.shipped_symbols)  // else it has been said
        tell(compare(*facts.modules, *facts.shipped_symbols), "the kernel that the artifact is for has", findings);
    const auto& built_for = question.manifest.build_id;
    const bool is_that_kernel = built_for && built_for == question.host.kernel_build_id;
    std::size_t all = 0;
    std::size_t unknown = 0;
    for (const ModuleFacts& module : *facts.modules) {
        for (const auto& [symbol, crc] : module.versions) {
            const bool shipped = facts.shipped_symbols && facts.shipped_symbols->contains(symbol);
            if (facts.shipped_symbols && !shipped) continue;  // another module of the driver has it
            ++all;
            if (!facts.host_symbols.contains(symbol) && !(shipped && is_that_kernel)) ++unknown;
        }
    }
    if (unknown == 0) return;
    findings.push_back(
        Finding{"symbol-unknown", question.manifest.pair().path(),
                fmt::format("of {} symbol versions that the modules want, {} are in none of this kernel's own "
                            "modules that were looked at: whether they fit shows when they are loaded",
                            all, unknown),
                "nothing has to be done"});
}

void judge_signatures(const PreflightFacts& facts, std::vector<Finding>& findings) {
    if (!facts.modules || !facts.policy.enforces_signatures.value_or(false)) return;
    const std::string enforced = why_enforced(facts.policy);
    for (const Alike& group : grouped(*facts.modules, facts)) {
        const ModuleFacts& module = *group.first;
        switch (group.standing) {
            case Standing::trusted:
                break;
            case Standing::unsigned_:
                findings.push_back(
                    {"unsigned-module", module.name,
                     fmt::format("{}, and {} is not signed: the kernel will refuse it", enforced, group.named()),
                     "publish signed modules ('sign-file' of the kernel, with a key that this host "
                     "has enrolled), or do not enforce signatures"});
                break;
            case Standing::unknown_signer:
                findings.push_back(
                    {"signer-unknown", module.name,
                     fmt::format("{}, and {} is signed with {}, which {} in none of the kernel's {} keys", enforced,
                                 group.named(), name_of(module.signers), verb_for(module.signers),
                                 facts.policy.keys->size()),
                     "enrol the signer's certificate ('mokutil --import CERTIFICATE', then reboot), or publish "
                     "modules signed with a key that is enrolled"});
                break;
            case Standing::unreadable:
                findings.push_back(
                    Finding{"signer-unproven", module.name,
                            fmt::format("{}, and the signature of {} cannot be read", enforced, group.named()),
                            "'overdrive verify' tells whether the file is what was installed"});
                break;
            case Standing::unproven:
                tell_unproven(facts, group, findings);
                break;
        }
    }
}

}  // namespace overdrive
