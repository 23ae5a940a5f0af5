#include "os/default_snapshot.hpp"

#include <fmt/format.h>

#include "model/json_reader.hpp"
#include "os/os_tree.hpp"
#include "os/status_program.hpp"

namespace overdrive {

namespace {

constexpr const char* kSnapper = "/usr/bin/snapper";
constexpr const char* kConfiguration = "root";

}  // namespace

std::optional<std::uint64_t> pending_in_snapper(std::string_view json) {
    const JsonReader list = JsonReader::parse(json, "the output of 'snapper --jsonout list'", Errc::unsupported);
    for (const JsonReader& snapshot : list.objects(kConfiguration)) {
        if (!snapshot.boolean_or("default", false)) continue;
        if (snapshot.boolean_or("active", false)) return std::nullopt;
        return snapshot.number("number");
    }
    return std::nullopt;  // the file system's default is no snapshot
}

std::optional<std::uint64_t> pending_snapshot(const Root& root, ProcessRunner& processes) {
    if (!root.exists(kSnapper)) return std::nullopt;
    return pending_in_snapper(status_of(processes, {kSnapper, "--no-dbus", "--jsonout", "--config", kConfiguration,
                                                    "list", "--columns", "number,default,active"}));
}

std::string snapshot_tree(std::uint64_t number) { return fmt::format("/.snapshots/{}/snapshot", number); }

std::optional<std::string> snapshot_kernel(const Root& root, const std::string& tree) {
    const std::string link = tree + "/boot/vmlinuz";
    const auto status = root.link_status(link);
    if (status && S_ISLNK(status->st_mode)) {
        if (auto release = release_of_image(root.read_link(link).value_or(""))) return release;
    }
    return newest_kernel(kernels_in(root, tree));
}

}  // namespace overdrive
