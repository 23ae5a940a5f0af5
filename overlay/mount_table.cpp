#include "overlay/mount_table.hpp"

#include <algorithm>

namespace overdrive {

bool is_ours(const MountEntry& entry) noexcept { return entry.type == "overlay" && entry.source == kOurSource; }

bool is_at_or_below(std::string_view path, std::string_view directory) noexcept {
    if (directory == "/") return path.starts_with('/');
    return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

const MountEntry* MountTable::find(int id) const noexcept {
    const auto found = std::find_if(mounts_.begin(), mounts_.end(), [&](const MountEntry& m) { return m.id == id; });
    return found == mounts_.end() ? nullptr : &*found;
}

const MountEntry* MountTable::crossed_into(const MountEntry& here, std::string_view path) const {
    const MountEntry* next = nullptr;
    for (const MountEntry& child : mounts_) {
        if (child.parent_id != here.id || child.id == here.id || !is_at_or_below(path, child.target)) continue;
        if (next == nullptr || child.target.size() < next->target.size()) next = &child;
    }
    return next;
}

const MountEntry* MountTable::visible_at(std::string_view path) const {
    // The root is the mount whose parent is not in the table (it belongs to the initial ramdisk, or is itself).
    const auto root = std::find_if(mounts_.begin(), mounts_.end(), [&](const MountEntry& mount) {
        return mount.target == "/" && (mount.parent_id == mount.id || find(mount.parent_id) == nullptr);
    });
    if (root == mounts_.end()) return nullptr;
    const MountEntry* here = &*root;
    while (const MountEntry* const next = crossed_into(*here, path)) here = next;
    return here;
}

std::vector<const MountEntry*> MountTable::stack_at(std::string_view path) const {
    std::vector<const MountEntry*> stack;
    for (const MountEntry* entry = visible_at(path); entry != nullptr && entry->target == path;
         entry = find(entry->parent_id)) {
        stack.push_back(entry);
        if (entry->id == entry->parent_id) break;
    }
    std::reverse(stack.begin(), stack.end());
    return stack;
}

std::vector<const MountEntry*> MountTable::submounts_of(std::string_view path) const {
    std::vector<const MountEntry*> below;
    for (const MountEntry& mount : mounts_) {
        if (mount.target == path || !is_at_or_below(mount.target, path)) continue;
        if (visible_at(mount.target) == &mount) below.push_back(&mount);
    }
    std::sort(below.begin(), below.end(), [](const auto* a, const auto* b) { return a->target < b->target; });
    std::vector<const MountEntry*> outermost;
    for (const MountEntry* mount : below) {
        if (outermost.empty() || !is_at_or_below(mount->target, outermost.back()->target)) outermost.push_back(mount);
    }
    return outermost;
}

}  // namespace overdrive
