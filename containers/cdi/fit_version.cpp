#include "cdi/fit_version.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "support/error.hpp"

namespace overdrive {

namespace {

bool begins_with_digit(const CdiDevice& device) {
    return !device.name.empty() && device.name[0] >= '0' && device.name[0] <= '9';
}

void for_all_edits(CdiSpec& spec, const std::function<void(CdiEdits&)>& body) {
    body(spec.edits);
    for (CdiDevice& device : spec.devices) body(device.edits);
}

void drop_annotations(FittedSpec& fitted) {
    bool any = !fitted.spec.annotations.empty();
    fitted.spec.annotations.clear();
    for (CdiDevice& device : fitted.spec.devices) {
        any = any || !device.annotations.empty();
        device.annotations.clear();
    }
    if (any) fitted.dropped.emplace_back("annotations are left out");
}

void drop_groups(FittedSpec& fitted) {
    bool any = false;
    for_all_edits(fitted.spec, [&](CdiEdits& edits) {
        any = any || !edits.additional_gids.empty();
        edits.additional_gids.clear();
    });
    if (any)
        fitted.dropped.emplace_back(
            "additional groups are left out: a container whose user is not root may be unable to open the nodes under "
            "/dev/dri; run it with --group-add");
}

/// Names that begin with a digit go where the same edits have another name that an older reader takes.
void drop_digit_names(FittedSpec& fitted) {
    auto& devices = fitted.spec.devices;
    std::vector<std::string> names;
    const auto has_twin = [&](const CdiDevice& device) {
        return std::any_of(devices.begin(), devices.end(), [&](const CdiDevice& other) {
            return !begins_with_digit(other) && other.name != "all" && other.edits == device.edits;
        });
    };
    std::vector<CdiDevice> kept;
    for (const CdiDevice& device : devices) {
        if (begins_with_digit(device) && has_twin(device)) {
            names.push_back(device.name);
        } else {
            kept.push_back(device);
        }
    }
    devices = std::move(kept);
    if (!names.empty())
        fitted.dropped.push_back(
            fmt::format("the names {} are left out, the devices have others: before CDI 0.5.0 a "
                        "name begins with a letter",
                        fmt::join(names, ", ")));
}

struct Obstacle {
    std::string what;
    std::string remedy;
};

std::optional<Obstacle> obstacle_in(const CdiEdits& edits, const CdiVersion& newest) {
    if (newest < CdiVersion{1, 1, 0} && !edits.net_devices.empty())
        return Obstacle{"network devices need CDI 1.1.0", "leave them out"};
    if (edits.intel_rdt && minimum_cdi_version({{}, {}, {}, {}, edits}) > newest)
        return Obstacle{"settings of Intel RDT need CDI 0.7.0, some of them 1.1.0", "leave them out"};
    for (const CdiDeviceNode& node : edits.device_nodes) {
        if (newest < CdiVersion{0, 5, 0} && !node.host_path.empty())
            return Obstacle{fmt::format("'{}' is '{}' on the host, and another path on the host needs CDI 0.5.0",
                                        node.path, node.host_path),
                            "generate with --dev-root /"};
    }
    for (const CdiMount& mount : edits.mounts) {
        if (newest < CdiVersion{0, 4, 0} && !mount.type.empty())
            return Obstacle{fmt::format("the mount at '{}' has a type, which needs CDI 0.4.0", mount.container_path),
                            "leave the type out"};
    }
    return std::nullopt;
}

std::optional<Obstacle> obstacle_in(const CdiSpec& spec, const CdiVersion& newest) {
    if (auto obstacle = obstacle_in(spec.edits, newest)) return obstacle;
    for (const CdiDevice& device : spec.devices) {
        if (newest < CdiVersion{0, 5, 0} && begins_with_digit(device))
            return Obstacle{fmt::format("the name '{}' begins with a digit, which needs CDI 0.5.0", device.name),
                            "generate with --device-name-strategy uuid or type-index"};
        if (auto obstacle = obstacle_in(device.edits, newest)) return obstacle;
    }
    return Obstacle{fmt::format("kind '{}' needs CDI 0.6.0", spec.kind), "choose a class without a dot (--class)"};
}

}  // namespace

FittedSpec fit_cdi_version(CdiSpec spec, const CdiVersion& newest) {
    FittedSpec fitted{std::move(spec), {}};
    if (newest < CdiVersion{0, 6, 0}) drop_annotations(fitted);
    if (newest < CdiVersion{0, 7, 0}) drop_groups(fitted);
    if (newest < CdiVersion{0, 5, 0}) drop_digit_names(fitted);
    const CdiVersion needed = minimum_cdi_version(fitted.spec);
    if (newest < needed) {
        const auto obstacle = newest < kOldestCdiVersion
                                  ? Obstacle{"no specification is older than 0.3.0", "use a newer engine"}
                                  : *obstacle_in(fitted.spec, newest);
        throw Error{Errc::unsupported,
                    fmt::format("the specification cannot be written for CDI {}: {}", to_text(newest), obstacle.what)}
            .with_remedy(obstacle.remedy);
    }
    fitted.spec.version = to_text(needed);
    return fitted;
}

}  // namespace overdrive
