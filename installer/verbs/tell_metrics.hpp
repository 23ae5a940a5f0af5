#pragma once

#include "verbs/telling.hpp"

namespace overdrive {

/// In the configuration's metrics.directory.
inline constexpr const char* kMetricsFile = "overdrive.prom";

/// Writes the metrics of this node where the configuration asks for them, by rename, so that a collector never reads
/// half a file. Counters and times of earlier runs are taken over from the file that is there; without it they begin
/// anew, as Prometheus expects of counters.
/// @throws Error io when the directory is not there or cannot be written to
void tell_metrics(Services& services, const Config& config, const Telling& telling);

}  // namespace overdrive
