#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "builder-images/artifact/source_tree.hpp"
#include "model/driver_manifest.hpp"

namespace overdrive {

/// The two driver layers as they were read.
struct DriverTrees {
    std::vector<TreeEntry> user_space;
    std::vector<TreeEntry> modules;
};

/// Reads describe.json: driver.json without what is computed from the trees (`files`, `size`, `libraries`, `programs`,
/// `user_space_layer`).
/// @throws Error bad_manifest naming the field; also for a field that driver.json does not have, such as a misspelt one
[[nodiscard]] DriverManifest parse_description(std::string_view json);

/// Checks that the trees hold what belongs there, nothing else, and everything that the description names: modules,
/// firmware, the daemons' programs and libraries.
/// @throws Error bad_archive: something lies where it must not; incomplete_artifact: something named is missing
void check_trees(const DriverManifest& description, const DriverTrees& trees);

/// Adds what is computed: the list of files, the libraries (`*.so*` directly in lib64) and programs (names in bin), the
/// bytes and inodes of a generation, and the digest of the user-space layer.
///
/// `size.bytes` is the sum of the files' sizes, without driver.json and its signature; `size.inodes` counts files,
/// links, directories including the generation's own, driver.json and its signature.
[[nodiscard]] DriverManifest complete(DriverManifest description, const DriverTrees& trees,
                                      const Digest& user_space_layer);

/// The bytes of driver.json, read back and compared before they are handed out.
/// @throws Error bad_manifest
[[nodiscard]] std::string to_checked_json(const DriverManifest& manifest);

}  // namespace overdrive
