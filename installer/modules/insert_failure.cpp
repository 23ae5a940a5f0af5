#include "modules/insert_failure.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace overdrive {

namespace {

struct Explanation {
    std::string reason;
    std::string remedy;
};

Explanation explanation_of(const InsertFailure& failure) {
    switch (failure.error) {
        case ENOEXEC:
            if (failure.vermagic != failure.host_vermagic) {
                return {
                    fmt::format("it was built for another kernel (Invalid module format): its vermagic is '{}', this "
                                "kernel's is '{}'",
                                failure.vermagic, failure.host_vermagic),
                    "install the driver that was built for this kernel: 'overdrive update'"};
            }
            return {
                "the kernel cannot use the file (Invalid module format): a symbol's version differs or the file is "
                "damaged",
                "see 'dmesg'; install the generation anew if the file is damaged"};
        case ENOENT:
            return {
                "it uses a symbol that this kernel does not have (Unknown symbol in module): a module that it needs "
                "is not loaded, or it was built for another configuration of the kernel",
                ""};
        case EKEYREJECTED:
        case ENOKEY:
            return {
                "the kernel does not trust its signature (Key was rejected by service)",
                "enrol the key that signs the modules ('mokutil --import'), or use modules signed by a trusted one"};
        case EBADMSG:
            return {"its signature is malformed", "install the generation anew"};
        case EPERM:
        case EACCES:
            return {
                "loading modules is not allowed: the kernel is locked down (Secure Boot) and wants a signed module, "
                "modules are disabled (kernel.modules_disabled = 1), or overdrive runs without CAP_SYS_MODULE",
                "see /sys/kernel/security/lockdown and 'sysctl kernel.modules_disabled'"};
        case ENOSYS:
            return {"this kernel was built without support for modules", ""};
        case EINVAL:
            return {"the kernel does not accept it or one of its parameters (Invalid argument)", ""};
        case ENOMEM:
            return {"the kernel has not enough memory for it", ""};
        default:
            return {std::generic_category().message(failure.error), ""};
    }
}

}  // namespace

Error explain(const InsertFailure& failure) {
    Explanation explanation = explanation_of(failure);
    std::string message = fmt::format("load '{}': {}", failure.path, explanation.reason);
    if (!failure.kernel_log.empty())
        message += fmt::format("; the kernel says: {}", fmt::join(failure.kernel_log, "; "));
    return Error{Errc::module_load, std::move(message)}.with_remedy(std::move(explanation.remedy));
}

}  // namespace overdrive
