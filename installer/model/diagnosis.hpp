#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device_holder.hpp"
#include "model/driver_state.hpp"
#include "model/driver_user.hpp"
#include "model/finding.hpp"
#include "model/pending_os.hpp"
#include "support/error.hpp"

namespace overdrive {

/// A unit or drop-in that is not as it should be.
struct UnitSymptom {
    enum class Kind { failed, masked, missing, not_enabled, edited, foreign_drop_in };
    Kind kind = Kind::failed;
    std::string name;  ///< `nvidia.service`, or the path of a file
    friend bool operator==(const UnitSymptom&, const UnitSymptom&) = default;
};

/// Everything that doctor looked at, as values.
struct Symptoms {
    DriverState state;
    std::string kernel_release;
    std::string os_key;
    std::optional<std::string> wanted;          ///< driver or branch
    std::vector<std::string> installed;         ///< `<driver>/<os>`
    std::optional<std::string> in_force;        ///< what is selected for this kernel
    std::optional<std::string> loaded_version;  ///< of the nvidia module

    std::vector<DeviceHolder> holders;
    std::string blockers;  ///< references that keep the modules, in words
    std::vector<KernelUse> kernel_uses;
    std::vector<LibraryUser> library_users;

    std::vector<std::string> config_problems;      ///< file, line and key, with the nearest key
    std::vector<std::string> generation_problems;  ///< installed drivers that are not used, and why
    std::optional<std::string> newer_record;       ///< who wrote it
    std::optional<std::string> damaged_record;
    std::optional<std::string> cut_off;      ///< the run that was
    std::optional<std::string> lock_holder;  ///< a run that is at work
    std::vector<UnitSymptom> units;
    std::optional<std::string> cdi_missing;  ///< why engines are not told of the driver, though they should be
    std::optional<std::string> cdi_stale;    ///< what is wrong with what they are told
    std::vector<std::string> cdi_rivals;     ///< who else tells them, a sentence each
    bool has_service_manager = true;
    bool has_sources = true;
    bool somebody_is_trusted = true;  ///< a key, or unsigned artifacts are allowed
    std::vector<std::string> key_problems;
    std::optional<PendingOs> pending_os;
    bool pending_os_has_driver = true;
    bool sees_everything = true;      ///< as root
    std::vector<std::string> unseen;  ///< what could not be looked at, and why

    /// What the sources said when they were asked for the missing driver: nullopt when they were not asked.
    struct Asked {
        std::optional<std::string> found;  ///< where it is
        std::optional<Error> failure;      ///< no_artifact names the nearest; others why it could not be asked
    };
    std::optional<Asked> asked;
    std::vector<Finding> preflight;  ///< what speaks against loading the selected driver
};

/// What is wrong, most basic first; empty when nothing is. Pure.
[[nodiscard]] std::vector<Finding> diagnose(const Symptoms& seen);

/// The first finding that blocks or degrades: the one to deal with. nullptr when the node is healthy.
[[nodiscard]] const Finding* cause_of(const std::vector<Finding>& findings);

/// Whether a line of the kernel's log tells of a fault: a refused module, an Xid, firmware that is missing.
[[nodiscard]] bool tells_of_trouble(std::string_view kernel_line) noexcept;

}  // namespace overdrive
