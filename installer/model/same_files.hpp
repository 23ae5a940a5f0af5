#pragma once

#include <map>
#include <string_view>
#include <utility>

#include "model/driver_manifest.hpp"

namespace overdrive {

/// Finds the user-space files of an old tree that a new one has as they are, under whatever name: same content, same
/// mode. What makes a delta and what applies it must agree on this.
class SameFiles {
public:
    /// @param old_tree must outlive this
    explicit SameFiles(const DriverManifest& old_tree) {
        for (const FileSpec& file : old_tree.files)
            if (file.layer == LayerRole::user_space && !file.is_link())
                files_.emplace(std::pair{std::string_view{file.sha256}, file.mode}, &file);
    }

    /// nullptr: the old tree has no such file.
    [[nodiscard]] const FileSpec* find(const FileSpec& wanted) const {
        const auto found = files_.find({wanted.sha256, wanted.mode});
        return found == files_.end() ? nullptr : found->second;
    }

private:
    std::map<std::pair<std::string_view, unsigned>, const FileSpec*> files_;
};

}  // namespace overdrive
