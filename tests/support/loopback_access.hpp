#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "registry/registry_places.hpp"
#include "support/skipping_clock.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {

/// A host without a login.
class NoLogins final : public LoginFinder {
public:
    std::optional<Login> find(const std::string& /*host*/, const std::string& /*repository*/) override {
        return std::nullopt;
    }
};

/// A transport for tests in which no registry may be asked.
class NoTransport final : public HttpTransport {
public:
    HttpResponse perform(const HttpRequest& /*request*/, const Sink& /*sink*/) override {
        throw std::logic_error{"a registry was asked"};
    }
};

/// RegistryAccess on a host that says nothing about registries: loopback in plain http, nobody waits.
class LoopbackAccess {
public:
    explicit LoopbackAccess(HttpTransport& transport) : access_{host_.root(), {transport, logins_, clock_, {}}, {}} {}
    operator RegistryAccess&() { return access_; }  // NOLINT: stands for it

private:
    TemporaryRoot host_;
    NoLogins logins_;
    SkippingClock clock_;
    RegistryAccess access_;
};

}  // namespace overdrive
