#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <memory>
#include <string>

namespace overdrive {

/// What differs between the two generations of sdbus-c++ for whoever calls services: 1.x, Debian 12's package, which
/// development builds link, and 2.x, Debian 13's, from whose source the release is made (the archive has no source of
/// 1.x any more: ci/static-libraries/README.md). Everything else that adapters use is spelled the same in both.
namespace sdbus_generations {

#if __has_include(<sdbus-c++/VTableItems.h>)  // since 2.0

/// The object at `path` of `service`. @throws sdbus::Error
[[nodiscard]] inline std::unique_ptr<sdbus::IProxy> proxy_of(sdbus::IConnection& connection, const std::string& service,
                                                             const std::string& path) {
    return sdbus::createProxy(connection, sdbus::ServiceName{service}, sdbus::ObjectPath{path});
}

/// After the last subscription to a signal of `proxy`. @throws sdbus::Error
inline void finish_subscriptions(sdbus::IProxy& /*proxy*/) {}  // each counts as soon as it is made

/// Handles what has come. @return whether there was anything @throws sdbus::Error
inline bool process_pending(sdbus::IConnection& connection) { return connection.processPendingEvent(); }

#else

[[nodiscard]] inline std::unique_ptr<sdbus::IProxy> proxy_of(sdbus::IConnection& connection, const std::string& service,
                                                             const std::string& path) {
    return sdbus::createProxy(connection, service, path);
}

inline void finish_subscriptions(sdbus::IProxy& proxy) { proxy.finishRegistration(); }

inline bool process_pending(sdbus::IConnection& connection) { return connection.processPendingRequest(); }

#endif

}  // namespace sdbus_generations

}  // namespace overdrive
