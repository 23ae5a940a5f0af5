#pragma once

#include <string>

#include "model/exposure_plan.hpp"
#include "support/root.hpp"

namespace overdrive {

/// The directory that becomes the added layer of the overlay: it holds the plan's libraries and nothing else.
///
/// That is the generation's own lib64 where nothing else is in it; otherwise a directory of hard links to these files
/// below /opt/nvidia/.overdrive/exposed, made beside and renamed, because sub-directories and foreign files must not
/// appear in the host's own directory.
/// @param plan its libraries are sorted
/// @return a real path, see real_path
/// @throws Error exposure
[[nodiscard]] std::string prepare_layer(const Root& root, const ExposurePlan& plan);

/// Removes the directories that `prepare_layer` made for generations other than `but`, whose overlays are no longer
/// mounted. Programs that have mapped a library keep it.
void remove_layers(const Root& root, const std::string& but);

}  // namespace overdrive
