#include "verbs/link_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>

#include "model/exposure_plan.hpp"
#include "support/sha256.hpp"
#include "verbs/install_program.hpp"

namespace overdrive {

namespace {

constexpr std::array kAids{"man/man8/overdrive.8", "man/man5/overdrive.toml.5", "bash-completion/completions/overdrive",
                           "zsh/site-functions/_overdrive", "fish/vendor_completions.d/overdrive.fish"};
constexpr const char* kShare = "/usr/local/share";

struct Link {
    std::string path;
    std::string target;
};

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// Whether a directory is there, on a file system that can be written to.
bool is_writable(const Root& root, const std::string& path) {
    const auto directory = root.open_if_exists(path, O_PATH | O_DIRECTORY);
    struct statvfs status {};
    return directory && fstatvfs(directory->get(), &status) == 0 && (status.f_flag & ST_RDONLY) == 0;
}

/// Whether the directory for programs can have a link of ours, or can be made for it. One that holds nothing but the
/// driver's programs was made for them, and goes with them.
bool may_hold_link(const Root& root, const std::string& directory) {
    if (!root.exists(directory)) return is_writable(root, parent_of(directory));
    const std::vector<std::string> names = root.list(directory);
    const bool is_the_drivers = !names.empty() && std::all_of(names.begin(), names.end(), [&](const std::string& name) {
        const auto status = root.link_status(directory + "/" + name);
        return status && S_ISLNK(status->st_mode) &&
               root.read_link(directory + "/" + name).value_or("").starts_with("/opt/nvidia/");
    });
    return !is_the_drivers && is_writable(root, directory);
}

/// The links that this host can have: their first directory is there, and so is what they lead to.
std::vector<Link> possible_links(Services& services) {
    const Root& root = services.root;
    const HostFacts facts = services.read_facts();
    const std::string programs = choose_program_directory(profile_for(facts.os_release.id()), facts);
    const std::string current = std::string{kProgramRoot} + "/current";
    std::vector<Link> links;
    if (may_hold_link(root, programs)) links.push_back({programs + "/overdrive", current + "/bin/overdrive"});
    if (is_writable(root, kShare)) {
        for (const char* aid : kAids)
            links.push_back({fmt::format("{}/{}", kShare, aid), fmt::format("{}/share/{}", current, aid)});
    }
    std::erase_if(links, [&](const Link& link) { return !root.exists(link.target); });
    return links;
}

void note(Record& record, const std::string& path, const char* kind, const std::string& sha256) {
    const bool known = std::any_of(record.owned.begin(), record.owned.end(),
                                   [&](const OwnedPath& owned) { return owned.path == path; });
    if (!known) record.owned.push_back({path, kind, sha256});
}

/// Noted before it is made: a run that is cut off leaves nothing that uninstall does not know.
void make_link(Store& store, const Link& link) {
    const Root& root = store.root();
    const Record before = store.load_usable_record().value_or(Record{});
    Record record = before;
    std::vector<std::string> missing;
    for (std::string path = parent_of(link.path); !root.exists(path); path = parent_of(path))
        missing.insert(missing.begin(), path);
    for (const std::string& directory : missing) note(record, directory, "directory", "");
    note(record, link.path, "link", sha256_hex(link.target));
    if (record != before) store.save_record(record);
    root.make_directories(parent_of(link.path));
    root.replace_link(link.path, link.target);
}

}  // namespace

bool link_program(Services& services, Store& store, Report& report) {
    bool linked = false;
    for (const Link& link : possible_links(services)) {
        if (services.root.link_status(link.path)) continue;  // ours already, or somebody else's
        make_link(store, link);
        linked = true;
    }
    if (linked) report.note("linked the program, its manual pages and completions");
    return linked;
}

}  // namespace overdrive
