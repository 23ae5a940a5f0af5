#include "cdi/device_nodes.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace overdrive {

namespace {

constexpr unsigned kPermissions = 07777;
constexpr unsigned kOthersReadAndWrite = 0006;

}  // namespace

std::optional<std::uint32_t> group_needed_for(const CdiDeviceNode& node) {
    if (!node.mode || node.gid.value_or(0) == 0) return std::nullopt;
    if ((*node.mode & kOthersReadAndWrite) == kOthersReadAndWrite) return std::nullopt;
    return node.gid;
}

bool DeviceNodeFinder::add(const std::string& path, CdiEdits& edits) const {
    const auto status = tree_.files().status(path);
    if (!status || !S_ISCHR(status->st_mode)) return false;
    CdiDeviceNode node;
    node.path = path;
    const std::string on_host = tree_.on_host(path);
    if (on_host != path) node.host_path = on_host;
    node.type = "c";
    node.major_number = major(status->st_rdev);
    node.minor_number = minor(status->st_rdev);
    node.mode = status->st_mode & kPermissions;
    node.permissions = "rwm";
    if (status->st_uid != 0) node.uid = status->st_uid;
    if (status->st_gid != 0) node.gid = status->st_gid;
    if (const auto group = group_needed_for(node); group && with_groups_) {
        auto& groups = edits.additional_gids;
        if (std::find(groups.begin(), groups.end(), *group) == groups.end()) groups.push_back(*group);
    }
    edits.device_nodes.push_back(std::move(node));
    return true;
}

void DeviceNodeFinder::add_matches(const std::string& pattern, CdiEdits& edits) const {
    for (const std::string& path : tree_.matches(pattern)) add(path, edits);
}

bool DeviceNodeFinder::has_driver_nodes() const {
    CdiEdits edits;
    add("/dev/nvidiactl", edits);
    add_matches("/dev/nvidia[0-9]*", edits);
    return !edits.empty();
}

}  // namespace overdrive
