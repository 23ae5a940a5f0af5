#include "overlay/libmount_exposure.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "overlay/exposed_layer.hpp"
#include "overlay/exposure_state.hpp"
#include "overlay/host_paths.hpp"
#include "overlay/libmount_table.hpp"
#include "overlay/overlay_spec.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

ExposurePlan with_sorted_libraries(ExposurePlan plan) {
    std::sort(plan.libraries.begin(), plan.libraries.end());
    return plan;
}

}  // namespace

std::optional<OverlayMount> LibmountExposure::overlay_at(const std::string& target) const {
    const auto real = real_path(root_, target);
    if (!real) return std::nullopt;
    return OverlayMount{*real, swap_};
}

/// Real paths inside our root at which an overlay of ours is reached, or covered by a mount at the same place.
std::vector<std::string> LibmountExposure::our_targets() const {
    const MountTable table = read_mount_table();
    std::set<std::string> targets;
    for (const MountEntry& mount : table.mounts()) {
        if (!is_ours(mount) || !path_in_root(root_, mount.target)) continue;
        if (OverlayMount{mount.target}.is_there()) targets.insert(mount.target);
    }
    return {targets.begin(), targets.end()};
}

/// After a reboot only what lasts is there; of that, libraries are seen where the linker is told of the generation
/// itself.
bool LibmountExposure::any_library_of_ours(const ExposurePlan& plan) const {
    if (!our_targets().empty() || MountedExposure::load(root_)) return true;
    return cache_.is_ours_present() && LastingExposure::load(root_).library_directory != plan.target;
}

bool LibmountExposure::overlay_is_healthy(const ExposurePlan& plan) const {
    const auto overlay = overlay_at(plan.target);
    const auto state = MountedExposure::load(root_);
    if (!overlay || !state) return false;
    const auto ours = overlay->visible();
    if (!ours || ours->stacked) return false;
    if (state->generation != plan.generation || state->libraries != plan.libraries) return false;
    if (state->target != real_path(root_, plan.target)) return false;
    if (state->mount.id != ours->mount.id || state->mount.unique_id != ours->mount.unique_id) return false;
    if (state->base != ours->base) return false;
    return std::all_of(plan.libraries.begin(), plan.libraries.end(), [&](const std::string& name) {
        return root_.link_status(plan.target + "/" + name).has_value();
    });
}

bool LibmountExposure::linker_is_told(const ExposurePlan& plan) {
    if (plan.mode == ExposureMode::links) return cache_.lists(plan.library_directory, plan.generation);
    // Our file being there and right says enough: then the loader was asked when it was written.
    if (cache_.is_ours_present()) return cache_.lists(plan.target, plan.generation);
    if (const auto said = what_loader_said(plan.target)) return *said;
    return cache_.is_default_directory(plan.target);
}

/// Whether the loader searches `target` by itself, as it said when it was asked; nullopt when it is another one since.
std::optional<bool> LibmountExposure::what_loader_said(const std::string& target) const {
    const LastingExposure lasting = LastingExposure::load(root_);
    const bool is_known = !lasting.loader.empty() && lasting.asked_of == real_path(root_, target) &&
                          lasting.loader == cache_.loader_identity();
    return is_known ? std::optional{lasting.loader_searches} : std::nullopt;
}

/// Asks it, and remembers what it says: at each boot that would be a process more.
bool LibmountExposure::ask_loader(const std::string& target) {
    if (const auto said = what_loader_said(target)) return *said;
    LastingExposure lasting = LastingExposure::load(root_);
    lasting.loader = cache_.loader_identity();
    lasting.asked_of = real_path(root_, target).value_or(target);
    lasting.loader_searches = cache_.is_default_directory(target);
    try {
        lasting.save(root_);
    } catch (const Error& error) {
        spdlog::debug("the loader is asked again next time: {}", error.what());  // a full disk keeps no driver out
    }
    return lasting.loader_searches;
}

Exposure::State LibmountExposure::inspect(const ExposurePlan& plan) {
    const bool mounts_right =
        plan.mode == ExposureMode::overlay ? overlay_is_healthy(with_sorted_libraries(plan)) : our_targets().empty();
    if (mounts_right && programs_.match(plan.program_directory, plan.programs) && linker_is_told(plan)) {
        return State::healthy;
    }
    return any_library_of_ours(plan) ? State::stale : State::absent;
}

std::vector<std::string> LibmountExposure::base_names(const std::string& target) {
    const auto overlay = overlay_at(target);
    if (!overlay) return {};
    return overlay->base_names();
}

void LibmountExposure::check(const ExposurePlan& plan) {
    const auto libraries = real_path(root_, plan.library_directory);
    if (!libraries) {
        throw Error{Errc::exposure, fmt::format("the generation has no '{}'", plan.library_directory)};
    }
    struct statvfs file_system {};
    if (::statvfs(libraries->c_str(), &file_system) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::exposure, saved_errno, fmt::format("look at '{}'", plan.library_directory));
    }
    if ((file_system.f_flag & ST_NOEXEC) != 0) {
        throw Error{Errc::exposure, fmt::format("the file system of '{}' is mounted noexec: nothing on it can be run "
                                                "or loaded",
                                                plan.generation)}
            .with_remedy("mount it without noexec");
    }
    for (const std::string& name : plan.libraries) {
        if (root_.link_status(plan.library_directory + "/" + name)) continue;
        throw Error{Errc::exposure,
                    fmt::format("'{}/{}' is missing; the generation is damaged", plan.library_directory, name)};
    }
    if (plan.mode == ExposureMode::overlay) {
        const auto status = root_.status(plan.target);
        if (!status || !S_ISDIR(status->st_mode)) {
            throw Error{Errc::exposure, fmt::format("'{}' is {} on this host, so no overlay can be laid over it",
                                                    plan.target, status ? "no directory" : "missing")}
                .with_remedy("set exposure = \"links\" in /etc/overdrive/config.toml");
        }
        // Ours is no layer of the next one, so what lies below it counts.
        const std::string target = real_path(root_, plan.target).value_or(plan.target);
        const bool ours_is_there = OverlayMount{target}.is_there();
        check_stacking_depth(read_mount_table(), *libraries, ours_is_there ? *libraries : target);
    }
    programs_.check(plan.program_directory, plan.programs);
}

void LibmountExposure::mount(const ExposurePlan& plan) {
    OverlayMount overlay = overlay_at(plan.target).value();
    std::vector<std::string> collisions;
    const std::vector<std::string> base = overlay.base_names();
    std::set_intersection(base.begin(), base.end(), plan.libraries.begin(), plan.libraries.end(),
                          std::back_inserter(collisions));
    if (!collisions.empty()) {
        throw Error{Errc::exposure, fmt::format("the host's own '{}' already has {}; an overlay may only add names",
                                                plan.target, fmt::join(collisions, ", "))};
    }
    const OverlayMount::Ours now = overlay.replace(prepare_layer(root_, plan));
    MountedExposure state;
    state.generation = plan.generation;
    state.target = real_path(root_, plan.target).value_or(plan.target);
    state.libraries = plan.libraries;
    state.mount = now.mount;
    state.base = now.base;
    state.save(root_);
    remove_layers(root_, plan.generation);
    for (const std::string& target : our_targets()) {
        if (target != state.target) OverlayMount{target}.remove();  // from before the host moved its directory
    }
}

void LibmountExposure::tell_linker(const ExposurePlan& plan) {
    if (plan.mode == ExposureMode::links) {
        cache_.list(plan.library_directory, plan.generation, plan.libraries);
    } else if (ask_loader(plan.target)) {
        static_cast<void>(cache_.remove());
    } else {
        cache_.list(plan.target, plan.generation, plan.libraries);
    }
}

void LibmountExposure::apply(const ExposurePlan& plan) {
    const ExposurePlan sorted = with_sorted_libraries(plan);
    check(sorted);
    if (sorted.mode == ExposureMode::overlay && !overlay_is_healthy(sorted)) mount(sorted);
    tell_linker(sorted);
    programs_.ensure(sorted.program_directory, sorted.programs);
    // Last: until here the libraries were visible through the overlay.
    if (sorted.mode == ExposureMode::links) unmount_all();
}

void LibmountExposure::unmount_all() {
    for (const std::string& target : our_targets()) OverlayMount{target}.remove();
    MountedExposure::forget(root_);
}

void LibmountExposure::detach() { unmount_all(); }

void LibmountExposure::remove() {
    unmount_all();  // first: it refuses when someone else's mount covers ours
    programs_.remove();
    cache_.remove();
    remove_layers(root_, "");
    LastingExposure::forget(root_);
}

}  // namespace overdrive
