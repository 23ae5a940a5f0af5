#pragma once

#include <string_view>

#include "store/store.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// @throws Error not_root naming the verb
void require_root(const Services& services, std::string_view verb);

/// Loading modules and mounting need the host's own namespaces. @throws Error bad_root in a container
void require_host_kernel(const Services& services, std::string_view verb);

/// Makes the store's directories and takes its one lock, waiting up to a minute. @throws Error busy naming the holder
[[nodiscard]] Lock take_lock(Services& services, Store& store, std::string_view verb);

}  // namespace overdrive
