#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "support/offered_pairs.hpp"
#include "unit/archive/fake_source.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {

inline constexpr const char* kNextKernel = "6.1.0-2-test";
inline constexpr const char* kNextKey = "4081.3.0";

/// What update_engine tells of a release that waits for the reboot.
inline PendingOs next_release() {
    return {.source = "update_engine", .version = kNextKey, .os_release = {}, .kernel_release = {}, .os_key = kNextKey};
}

/// What update_engine tells once it was restarted: something waits, and it has forgotten what.
inline PendingOs forgotten_release() {
    return {.source = "update_engine", .version = "", .os_release = {}, .kernel_release = {}, .os_key = ""};
}

/// A source that has some tags, all of them the same artifact, and remembers what it was asked for. Its
/// index offers these tags for kNextKernel.
struct TaggedArtifacts {
    std::set<std::string> tags;
    std::vector<std::string> asked;
    FakeSource blobs;
    std::function<void()> while_fetching = [] {};

    /// Gives it away to a host that opens sources.
    class Lent final : public ArtifactSource {
    public:
        explicit Lent(TaggedArtifacts& owner) : owner_{owner} {}
        [[nodiscard]] std::string name() const override { return "docker://r/x"; }
        std::optional<ResolvedArtifact> resolve(const std::string& tag, const std::string& architecture) override {
            owner_.asked.push_back(tag);
            return owner_.tags.contains(tag) ? owner_.blobs.resolve(tag, architecture) : std::nullopt;
        }
        std::vector<ImageSignature> signatures(const ResolvedArtifact& artifact, const Enough& enough) override {
            return owner_.blobs.signatures(artifact, enough);
        }
        void read_blob(const LayerDescriptor& layer, const Sink& sink) override {
            owner_.while_fetching();
            owner_.blobs.read_blob(layer, sink);
        }
        std::optional<ResolvedIndex> find_pair_index() override {
            const Digest digest = Digest::from_hex(std::string(64, '1'));
            return ResolvedIndex{{"docker://r/x:overdrive-index", digest, {}}, {digest, 1}};
        }
        std::string read_document(const DocumentBlob& /*document*/) override {
            return index_of_tags(owner_.tags, [](const Pair& /*pair*/) { return std::string{kNextKernel}; }).to_json();
        }
        std::optional<ResolvedArtifact> resolve_pinned(const PinnedImage& image,
                                                       const std::string& architecture) override {
            return resolve(image.tag, architecture);
        }
        [[nodiscard]] bool may_be_partial() const override { return false; }

    private:
        TaggedArtifacts& owner_;
    };
};

/// A host that runs driver 900.1.0 on 4081.2.1 while an OS update waits for the reboot.
class HostWithPendingUpdate {
public:
    HostWithPendingUpdate() {
        sample.signature.clear();
        sample.put_into(artifacts.blobs);
        artifacts.tags = {"4081.3.0-900.1.0"};
        host.open_source = [this](const std::string& /*name*/) {
            return std::make_unique<TaggedArtifacts::Lent>(artifacts);
        };
        configure("driver = \"900.1.0\"\n");
        Record record;
        record.wanted = "900.1.0";
        record.desired = running;
        store.save_record(record);
        store.point_current(running);
    }

    /// @param toml before the tables
    void configure(const std::string& toml, const std::string& tables = {}) {
        host.root_dir.write("etc/overdrive/config.toml",
                            toml + "sources = [\"docker://r/x\"]\n[trust]\nallow-unsigned = true\n[registry]\n" +
                                "boot-jitter = 0\n" + tables);
    }
    [[nodiscard]] Services services() {
        Services services = host.services();
        services.find_pending_os = [this] { return pending(); };
        return services;
    }
    Pair install_next() {
        return install_small_driver(host.root_dir.root(), small_manifest("900.1.0", kNextKey, kNextKernel));
    }

    FakeHost host;
    Store store{host.root_dir.root()};
    KeptReport report;
    SampleArtifact sample{kNextKernel, kNextKey};
    TaggedArtifacts artifacts;
    Pair running = install_small_driver(host.root_dir.root(), small_manifest("900.1.0"));
    Pair next{DriverId::parse("900.1.0"), kNextKey};
    std::function<std::optional<PendingOs>()> pending = [] { return std::optional{next_release()}; };
};

}  // namespace overdrive
