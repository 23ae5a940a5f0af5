#include "overlay/overlay_mount.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "overlay/libmount_table.hpp"
#include "overlay/mount_namespace.hpp"
#include "overlay/overlay_spec.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// A mount below the target, and a detached copy of it.
struct Submount {
    std::string target;
    UniqueFd tree;
};

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::vector<const MountEntry*> OverlayMount::stack(const MountTable& table) const {
    const auto seen = mount_identity(target_);
    if (!seen) throw Error{Errc::exposure, fmt::format("'{}' does not exist on this host", target_)};
    std::vector<const MountEntry*> stack;
    for (const MountEntry* entry = table.find(seen->id); entry != nullptr && entry->target == target_;
         entry = table.find(entry->parent_id)) {
        stack.push_back(entry);
    }
    std::reverse(stack.begin(), stack.end());
    return stack;
}

std::optional<OverlayMount::Ours> OverlayMount::visible() const {
    const MountTable table = read_mount_table();
    const auto mounts = stack(table);
    if (mounts.empty() || !is_ours(*mounts.back())) return std::nullopt;
    Ours ours;
    ours.mount = mount_identity(target_).value_or(MountIdentity{});
    const MountEntry* const base = table.find(mounts.back()->parent_id);
    if (base == nullptr) return ours;
    ours.base = {base->id, 0, base->device};
    ours.stacked = mounts.size() > 1 && is_ours(*mounts[mounts.size() - 2]);
    // The base can be looked at by path only where the mount around the target is the base.
    const auto around = mount_identity(parent_of(target_));
    if (around && around->id == base->id) ours.base.unique_id = around->unique_id;
    return ours;
}

void OverlayMount::refuse_if_covered(const MountTable& table) const {
    const auto mounts = stack(table);
    if (mounts.empty() || is_ours(*mounts.back())) return;
    if (std::none_of(mounts.begin(), mounts.end(), [](const MountEntry* mount) { return is_ours(*mount); })) return;
    throw Error{Errc::exposure, fmt::format("our overlay on '{}' is covered by a mount of '{}' ({}) that is not ours",
                                            target_, mounts.back()->source, mounts.back()->type)}
        .with_remedy(fmt::format("unmount it ('umount {}'), or remove what mounts it there", target_));
}

void OverlayMount::leave_one_of_ours() {
    // After an interrupted swap the new one lies complete beneath the old: taking the old off leaves no gap.
    while (true) {
        const auto ours = visible();
        if (!ours || !ours->stacked) return;
        detach_old();
    }
}

UniqueFd OverlayMount::prepare(const std::string& added) const {
    // Copied here, not in the private namespace, so that what is mounted in the originals later is seen in the copies.
    std::vector<Submount> submounts;
    const MountTable host_table = read_mount_table();
    for (const MountEntry* mount : host_table.submounts_of(target_)) {
        submounts.push_back({mount->target, clone_tree(mount->target)});
    }
    UniqueFd tree;
    in_private_mount_namespace([&] {
        OverlayMount{target_}.remove();
        const OverlaySpec spec{added, target_, target_};
        check_stacking_depth(read_mount_table(), spec.added, spec.base);
        mount_overlay(spec);
        for (const Submount& submount : submounts) {
            attach_tree(submount.tree, submount.target);
            // Or taking our overlay away would unmount what is mounted inside the originals.
            make_slave(submount.target);
        }
        tree = clone_tree(target_);
    });
    return tree;
}

void OverlayMount::detach_old() {
    // The new copies of submounts are slaves of the old ones: an unmount in there must not reach them.
    const MountTable table = read_mount_table();
    for (const MountEntry* submount : table.submounts_of(target_)) make_private(submount->target);
    detach_mount(target_);
}

void OverlayMount::put_in_place(const UniqueFd& tree) {
    if (!visible()) {
        attach_tree(tree, target_);
        return;
    }
    if (swap_ == Swap::beneath && attach_tree_beneath(tree, target_)) {
        detach_old();
        return;
    }
    const UniqueFd old = clone_tree(target_);
    detach_old();
    try {
        attach_tree(tree, target_);
    } catch (const Error&) {
        attach_tree(old, target_);
        throw;
    }
}

OverlayMount::Ours OverlayMount::replace(const std::string& added) {
    refuse_if_covered(read_mount_table());
    leave_one_of_ours();
    put_in_place(prepare(added));
    const auto now = visible();
    if (!now || now->stacked) {
        throw Error{
            Errc::exposure,
            fmt::format("'{}' does not show our overlay after it was mounted; someone else mounts there too", target_)};
    }
    return *now;
}

bool OverlayMount::is_there() const {
    if (!mount_identity(target_)) return false;  // below a mount that covers the whole directory
    const MountTable table = read_mount_table();
    const auto mounts = stack(table);
    return std::any_of(mounts.begin(), mounts.end(), [](const MountEntry* mount) { return is_ours(*mount); });
}

bool OverlayMount::remove() {
    refuse_if_covered(read_mount_table());
    bool removed = false;
    while (visible()) {
        detach_mount(target_);
        removed = true;
    }
    return removed;
}

std::vector<std::string> OverlayMount::base_names() const {
    std::vector<std::string> names;
    const auto list = [&] {
        std::error_code error;
        for (std::filesystem::directory_iterator entry{target_, error}, end; !error && entry != end;
             entry.increment(error)) {
            names.push_back(entry->path().filename().string());
        }
        if (error) throw Error{Errc::exposure, fmt::format("list '{}': {}", target_, error.message())};
    };
    if (!visible()) {
        list();
    } else {
        in_private_mount_namespace([&] {
            OverlayMount{target_}.remove();
            list();
        });
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace overdrive
