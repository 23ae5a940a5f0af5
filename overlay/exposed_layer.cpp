#include "overlay/exposed_layer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "overlay/host_paths.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr const char* kExposed = "/opt/nvidia/.overdrive/exposed";

std::string last_two_parts(const std::string& path) {
    const std::size_t slash = path.rfind('/', path.rfind('/') - 1);
    return path.substr(slash + 1);
}

void link_library(const Root& root, const std::string& from, const std::string& to, const std::string& name) {
    const std::string source = from + "/" + name;
    const auto status = root.link_status(source);
    if (status && S_ISLNK(status->st_mode)) {
        root.make_link(to + "/" + name, root.read_link(source).value_or(""));
        return;
    }
    const UniqueFd source_directory = root.open(from, O_PATH | O_DIRECTORY);
    const UniqueFd target_directory = root.open(to, O_PATH | O_DIRECTORY);
    if (linkat(source_directory.get(), name.c_str(), target_directory.get(), name.c_str(), 0) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::exposure, saved_errno, fmt::format("link '{}' into '{}'", source, to));
    }
}

}  // namespace

std::string prepare_layer(const Root& root, const ExposurePlan& plan) {
    const auto own = real_path(root, plan.library_directory);
    if (!own) throw Error{Errc::exposure, fmt::format("'{}' is missing", plan.library_directory)};
    if (root.list(plan.library_directory) == plan.libraries) return *own;

    const std::string layer = fmt::format("{}/{}", kExposed, last_two_parts(plan.generation));
    if (root.list(layer) != plan.libraries) {
        const std::string beside = layer + ".new";
        root.remove_tree(beside);
        root.make_directories(beside);
        for (const std::string& name : plan.libraries) link_library(root, plan.library_directory, beside, name);
        root.remove_tree(layer);
        root.rename(beside, layer);
    }
    return real_path(root, layer).value();
}

void remove_layers(const Root& root, const std::string& but) {
    const std::string kept = but.empty() ? "" : last_two_parts(but);
    bool any_kept = false;
    for (const std::string& driver : root.list(kExposed)) {
        const std::string place = fmt::format("{}/{}", kExposed, driver);
        for (const std::string& os : root.list(place)) {
            if (fmt::format("{}/{}", driver, os) == kept)
                any_kept = true;
            else
                root.remove_tree(fmt::format("{}/{}", place, os));
        }
        if (root.list(place).empty()) static_cast<void>(root.remove(place));
    }
    if (!any_kept) root.remove_tree(kExposed);
}

}  // namespace overdrive
