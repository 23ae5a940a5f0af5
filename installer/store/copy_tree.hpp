#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/tree_writer.hpp"
#include "model/driver_manifest.hpp"
#include "ports/progress.hpp"
#include "store/staging.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Copies /driver out of an unpacked image into a staging tree, hashing every file on its way.
class TreeCopier {
public:
    TreeCopier(const Root& image, const Staging& staging, Progress& progress);

    /// Copies a file that nothing vouches for yet. @throws Error incomplete_artifact when it is not there
    void copy_small(const std::string& path, std::uint64_t most);
    /// @throws Error bad_archive naming a file below /driver that `manifest` does not list
    void refuse_unlisted(const DriverManifest& manifest) const;
    /// Copies what `manifest` lists. @param with_user_space false: only the modules layer
    /// @throws Error incomplete_artifact, digest_mismatch naming the file
    void copy_files(const DriverManifest& manifest, bool with_user_space);

private:
    void copy_file(const FileSpec& spec);
    void copy_link(const FileSpec& spec);
    [[nodiscard]] UniqueFd open_source(const std::string& path, std::uint64_t& size) const;
    [[nodiscard]] std::string copy_content(int source, const std::string& path, std::uint64_t most, bool executable);

    const Root& image_;
    Progress& progress_;
    TreeWriter writer_;
    std::vector<char> buffer_;
};

}  // namespace overdrive
