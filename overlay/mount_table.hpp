#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/host_facts.hpp"

namespace overdrive {

/// The mount source that marks an overlay as ours in mountinfo.
inline constexpr std::string_view kOurSource = "overdrive";

/// Whether `entry` is an overlay that overdrive made.
[[nodiscard]] bool is_ours(const MountEntry& entry) noexcept;

/// Questions to a table of mounts. Pure; paths are absolute and without links.
class MountTable {
public:
    explicit MountTable(std::vector<MountEntry> mounts) : mounts_{std::move(mounts)} {}

    [[nodiscard]] const std::vector<MountEntry>& mounts() const noexcept { return mounts_; }
    /// nullptr when no mount has this id.
    [[nodiscard]] const MountEntry* find(int id) const noexcept;
    /// The mount that a path walk ends in: the visible one, whatever lies below it. nullptr for an empty table.
    [[nodiscard]] const MountEntry* visible_at(std::string_view path) const;
    /// All mounts exactly at `path` that the visible one covers, and itself; the bottom one first.
    [[nodiscard]] std::vector<const MountEntry*> stack_at(std::string_view path) const;
    /// The outermost mounts below `path` (not at it) that a path walk reaches, sorted by target.
    [[nodiscard]] std::vector<const MountEntry*> submounts_of(std::string_view path) const;

private:
    /// The child that a walk from `here` to `path` meets first: the one with the shortest mount point.
    [[nodiscard]] const MountEntry* crossed_into(const MountEntry& here, std::string_view path) const;

    std::vector<MountEntry> mounts_;
};

/// Whether `path` is `directory` or below it.
[[nodiscard]] bool is_at_or_below(std::string_view path, std::string_view directory) noexcept;

}  // namespace overdrive
