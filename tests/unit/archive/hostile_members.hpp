#pragma once

#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "model/driver_manifest.hpp"
#include "support/error.hpp"
#include "unit/archive/tar_maker.hpp"

namespace overdrive {

/// One archive that somebody made to do harm, named after the row of the fault catalogue that it belongs to
/// (`E3_HardLinkToALaterMember`).
struct HostileMember {
    std::string name;
    /// The compressed layers, unpacked one after the other into the same tree. Made when asked: some are large.
    std::function<std::vector<std::string>()> layers;
    std::optional<Errc> refused_as = Errc::bad_archive;  ///< nullopt: taken, without what is hostile about it
    std::string says{};                                  ///< part of the message
    std::string media_type = "application/vnd.oci.image.layer.v1.tar+zstd";
    std::map<std::string, std::string> planted{};   ///< links that lie in the staging tree before: path -> target
    std::vector<std::string> expected{};            ///< with these the layer may hold nothing else, each empty
    std::map<std::string, unsigned> left_behind{};  ///< path -> mode of what a taken one leaves
};

/// GoogleTest would print its bytes.
inline void PrintTo(const HostileMember& member, std::ostream* out) { *out << member.name; }

/// At least one for every row E1 to E14.
[[nodiscard]] const std::vector<HostileMember>& hostile_members();

// The parts of it, one file each.
void add_hostile_names(std::vector<HostileMember>& out);    ///< E1, E10, E13
void add_hostile_links(std::vector<HostileMember>& out);    ///< E2, E3, E12, E14
void add_hostile_kinds(std::vector<HostileMember>& out);    ///< E4, E5, E6, E11
void add_hostile_framing(std::vector<HostileMember>& out);  ///< E8, E9
void add_hostile_sizes(std::vector<HostileMember>& out);    ///< E7

/// A row of one layer of zstd.
[[nodiscard]] HostileMember hostile_tar(const std::string& name, const TarMaker& tar, const std::string& says);
/// The same with bytes that are not compressed yet.
[[nodiscard]] HostileMember hostile_bytes(const std::string& name, const std::string& tar, const std::string& says);

}  // namespace overdrive
