#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "integration/fetch/fake_registry.hpp"
#include "registry/curl_transport.hpp"
#include "registry/registry_source.hpp"
#include "store/fetch.hpp"
#include "support/skipping_clock.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {

inline constexpr const char* kRepository = "overdrive/nvidia-coreos";
inline constexpr const char* kTag = "4081.2.1-900.1.0";

/// Logins by host.
struct FakeLogins final : LoginFinder {
    std::optional<Login> find(const std::string& host, const std::string& /*repository*/) override {
        const auto found = logins.find(host);
        return found == logins.end() ? std::nullopt : std::optional{found->second};
    }
    std::map<std::string, Login> logins;
};

/// Whole fetches, through libcurl, from servers that misbehave. Waiting costs no time: the clock jumps.
class RegistryFixture : public testing::Test {
protected:
    RegistryFixture() {
        store_.prepare();
        manifest_digest_ = sample_.write_layout(dir_.path() + "/layout", {kTag});
        registry_.serve_layout(dir_.path() + "/layout", kRepository);
        source_ = make_source({place(registry_)});
    }

    static Endpoint place(const FakeRegistry& registry) {
        return {.host = registry.host(), .repository = kRepository, .plain_http = true};
    }
    static Endpoint mirror(const FakeRegistry& registry) {
        Endpoint endpoint = place(registry);
        endpoint.is_mirror = true;
        return endpoint;
    }
    /// Mirrors first, the configured place last.
    std::unique_ptr<RegistrySource> make_source(std::vector<Endpoint> endpoints) {
        SourceName name{.kind = SourceName::Kind::registry,
                        .host = endpoints.back().host,
                        .repository = endpoints.back().repository,
                        .path = {}};
        return std::make_unique<RegistrySource>(std::move(name), std::move(endpoints), transport_, logins_, clock_,
                                                patience_);
    }

    static std::string path(const std::string& rest) { return std::string{"/v2/"} + kRepository + "/" + rest; }
    static std::string blob_path(const std::string& layer) { return path("blobs/sha256:" + sha256_hex(layer)); }
    std::string user_space() const { return blob_path(sample_.user_space_layer()); }
    std::string modules() const { return blob_path(sample_.modules_layer()); }
    static std::string by_tag() { return path(std::string{"manifests/"} + kTag); }
    void spoil(const std::string& request_path, const std::function<void(FakeRegistry::Answer&)>& body) {
        registry_.change(request_path, body);
    }
    /// Only the first answer for a path.
    void spoil_once(const std::string& request_path, const std::function<void(FakeRegistry::Answer&)>& body) {
        registry_.behave(request_path, [body](FakeRegistry::Answer& answer, int nth, const std::string& /*head*/) {
            if (nth == 1) body(answer);
        });
    }
    FetchResult fetch() {
        const auto artifact = source_->resolve(kTag, "amd64");
        if (!artifact) throw Error{Errc::no_artifact, "no such tag"};
        const Staging staging = store_.make_staging();
        return fetch_artifact(*source_, *artifact, staging, store_, progress_, {});
    }
    void expect_fetched() { EXPECT_EQ(fetch().driver_json, sample_.manifest().to_json()); }
    void expect_refused(Errc code, const std::string& words) {
        const auto begin = std::chrono::steady_clock::now();
        try {
            fetch();
            ADD_FAILURE() << "accepted; wanted " << reason_code(code);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            EXPECT_THAT(error.what(), testing::HasSubstr(words));
        }
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{15});
        EXPECT_THAT(dir_.tree("opt/nvidia/.overdrive/staging"), testing::IsEmpty());
    }

    TemporaryRoot dir_;
    SampleArtifact sample_;
    FakeRegistry registry_;
    CurlTransport transport_{{.insecure_registries = {},
                              .ca_file = {},
                              .user_agent = "overdrive/test",
                              .connect_timeout = std::chrono::seconds{2},
                              .stall_timeout = std::chrono::seconds{1}}};
    FakeLogins logins_;
    SkippingClock clock_;
    Patience patience_{};
    Store store_{dir_.root()};
    FakeProgress progress_;
    std::unique_ptr<RegistrySource> source_;
    std::string manifest_digest_;
};

}  // namespace overdrive
