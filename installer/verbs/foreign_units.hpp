#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "model/foreign_units.hpp"
#include "store/record.hpp"
#include "verbs/report.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What a link that masks a drop-in leads to.
inline constexpr std::string_view kMaskTarget = "/dev/null";

/// The names of our units among the files that we write.
[[nodiscard]] std::vector<std::string> unit_names(const std::vector<HostFile>& files);

/// Everything that has a say in units of these names, in the directories that systemd reads: /etc, /run,
/// /usr/local/lib, /usr/lib and, where it is no link, /lib. Enablements only of `enabled`. Names are looked at, not
/// contents.
[[nodiscard]] std::vector<FoundUnitFile> find_unit_files(const Root& root, const std::vector<std::string>& units,
                                                         const std::vector<std::string>& enabled);

/// Under the policy `refuse`: fails naming all of `foreign`. @throws Error service_manager
void refuse_foreign_units(const std::vector<ForeignUnit>& foreign);

/// Takes from the foreign files of the record what say they still have: renames, masks and unlinks what is not yet.
/// Nothing of it happens twice. @pre the record is durable
void silence_foreign_units(const Root& root, const Record& record);

/// Gives each its say again, as it is now: what somebody changed since stays changed. To be called after our own files
/// are gone. @return what is in the way of one: the file that was put aside stays beside it
[[nodiscard]] std::vector<std::string> restore_foreign_units(const Root& root, const Record& record);

/// Whether the file at `path` is a foreign one that uninstall has put back already.
[[nodiscard]] bool is_put_back(const Root& root, const Record& record, const std::string& path);

/// Those of the record that are still there, for status: in words, and as a JSON array of `path` and `action`.
[[nodiscard]] std::vector<ForeignUnit> present_foreign_units(const Root& root, const Record& record);
[[nodiscard]] nlohmann::ordered_json foreign_units_json(const std::vector<ForeignUnit>& foreign);

}  // namespace overdrive
