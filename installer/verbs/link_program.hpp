#pragma once

#include "store/store.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// Makes the installed program known to people: links to it where the host's shells look for programs (`/opt/bin` or
/// `/usr/local/bin`), and to its manual pages and completions in /usr/local/share. Only where these places can be
/// written to, which /usr/local is not on every immutable host; the files are in /opt/overdrive/current in any case.
/// What is there already and is not ours stays. The links go into the record, so that uninstall removes them. Called
/// before the driver's own programs are linked to the same directory; the caller holds the lock.
/// @return whether something was linked
bool link_program(Services& services, Store& store, Report& report);

}  // namespace overdrive
