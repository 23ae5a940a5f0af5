#include "verbs/preconditions.hpp"

#include <fmt/format.h>

#include "verbs/runtime_files.hpp"

namespace overdrive {

void require_root(const Services& services, std::string_view verb) {
    if (services.program.is_root) return;
    throw Error{Errc::not_root, fmt::format("'{}' changes the host and must run as root", verb)}.with_remedy(
        fmt::format("run it with sudo, or use '--dry-run' to see what it would do"));
}

void require_host_kernel(const Services& services, std::string_view verb) {
    if (!services.program.in_container) return;
    throw Error{Errc::bad_root,
                fmt::format("'{}' works on the running host only, not on '{}'", verb, services.root.path())}
        .with_remedy("run it on the host: /opt/overdrive/current/bin/overdrive");
}

Lock take_lock(Services& services, Store& store, std::string_view verb) {
    store.prepare();
    return store.lock(verb, services.program.lock_patience, services.clock);
}

Lock take_lock_if_writable(Services& services, Store& store, std::string_view verb) {
    try {
        return take_lock(services, store, verb);
    } catch (const Error& error) {
        if (error.code() != Errc::read_only && error.code() != Errc::no_space) throw;
        services.root.make_directories(kRunDirectory);
        return Lock::acquire(services.root, std::string{kRunDirectory} + "/lock", verb, services.program.lock_patience,
                             services.clock);
    }
}

}  // namespace overdrive
