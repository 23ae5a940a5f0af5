#pragma once

#include <optional>
#include <string>
#include <vector>

#include "overlay/linker_cache.hpp"
#include "overlay/overlay_mount.hpp"
#include "overlay/program_links.hpp"
#include "ports/exposure.hpp"
#include "ports/process_runner.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Exposes a generation on the host of the mount namespace that it runs in: libmount for tables and mounts, the host's
/// ldconfig where its loader needs telling, links for programs.
///
/// Everything it does is read back from the host (mountinfo, links, files), so a run after a crash finds its way.
class LibmountExposure final : public Exposure {
public:
    LibmountExposure(const Root& root, ProcessRunner& processes, OverlayMount::Swap swap = OverlayMount::Swap::beneath)
        : root_{root}, cache_{root, processes}, programs_{root}, swap_{swap} {}

    [[nodiscard]] State inspect(const ExposurePlan& plan) override;
    [[nodiscard]] std::vector<std::string> base_names(const std::string& target) override;
    void check(const ExposurePlan& plan) override;
    void apply(const ExposurePlan& plan) override;
    void detach() override;
    void remove() override;

private:
    [[nodiscard]] std::optional<OverlayMount> overlay_at(const std::string& target) const;
    [[nodiscard]] std::vector<std::string> our_targets() const;
    [[nodiscard]] bool any_library_of_ours(const ExposurePlan& plan) const;
    [[nodiscard]] bool overlay_is_healthy(const ExposurePlan& plan) const;
    [[nodiscard]] bool linker_is_told(const ExposurePlan& plan);
    [[nodiscard]] std::optional<bool> what_loader_said(const std::string& target) const;
    [[nodiscard]] bool ask_loader(const std::string& target);
    void mount(const ExposurePlan& plan);
    void tell_linker(const ExposurePlan& plan);
    void unmount_all();

    const Root& root_;
    LinkerCache cache_;
    ProgramLinks programs_;
    OverlayMount::Swap swap_;
};

}  // namespace overdrive
