#pragma once

#include <chrono>
#include <string>

#include "support/root.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

/// Wakes when something in a directory changes: a name comes or goes, or a file was written to. The directory may come
/// later, go and come back; its parent is there.
/// @see inotify(7)
class DirectoryWatch {
public:
    /// Nothing is opened until wait() is called. @param root must outlive it @param directory host path
    DirectoryWatch(const Root& root, std::string directory) : root_{root}, directory_{std::move(directory)} {}

    /// Returns when something has changed since the last call and it has been quiet for a moment, at the latest after
    /// `most`; earlier when a signal comes. Where the kernel has no watch left it only lets the time pass. The first
    /// call cannot know of changes before it.
    void wait(std::chrono::milliseconds most);

private:
    void begin();
    [[nodiscard]] bool add(std::string_view path, bool is_parent);
    void drain();

    const Root& root_;
    std::string directory_;
    UniqueFd events_;
    int watched_ = -1;          ///< the watch of the directory, or of its parent
    bool only_parent_ = false;  ///< the directory was not there
};

}  // namespace overdrive
