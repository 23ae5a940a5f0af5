#pragma once

#include <functional>

namespace overdrive {

/// Runs `body` on a thread of its own in a private copy of the mount namespace, and waits for it. Mounts made or taken
/// away in there are gone when it returns; descriptors of detached trees (clone_tree) outlive it.
///
/// Here our own overlay can be taken away to see, and to build on, exactly what the host has below it.
/// @throws Error exposure when not allowed; what `body` threw
void in_private_mount_namespace(const std::function<void()>& body);

}  // namespace overdrive
