#pragma once

#include <string_view>

#include "store/store.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// @throws Error not_root naming the verb
void require_root(const Services& services, std::string_view verb);

/// Loading modules and mounting need the host's own namespaces. @throws Error bad_root in a container
void require_host_kernel(const Services& services, std::string_view verb);

/// Makes the store's directories and takes its one lock, waiting as long as the caller allows (--lock-timeout).
/// @throws Error busy naming the holder
[[nodiscard]] Lock take_lock(Services& services, Store& store, std::string_view verb);

/// The same, but on a full or read-only disk, where nobody can install anything, a lock below /run: what is installed
/// must still be activated.
[[nodiscard]] Lock take_lock_if_writable(Services& services, Store& store, std::string_view verb);

}  // namespace overdrive
