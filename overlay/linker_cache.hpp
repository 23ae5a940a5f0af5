#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ports/process_runner.hpp"
#include "support/root.hpp"

namespace overdrive {

/// What the host's dynamic linker searches: our file in ld.so.conf.d and the cache made from it by the host's own
/// ldconfig. ldconfig writes its cache beside and renames it, so a failure leaves the old one in force.
class LinkerCache {
public:
    static constexpr const char* kConfiguration = "/etc/ld.so.conf.d/overdrive-nvidia.conf";
    static constexpr const char* kCache = "/etc/ld.so.cache";

    LinkerCache(const Root& root, ProcessRunner& processes) : root_{root}, processes_{processes} {}

    /// Whether the host's loader searches `directory` without being told to. Asks it, which starts a process.
    [[nodiscard]] bool is_default_directory(std::string_view directory);
    /// Which loader that is: another text when it was replaced; empty when there is none. What a loader said once holds
    /// for as long as this stays the same.
    [[nodiscard]] std::string loader_identity() const;

    /// Whether the linker is told to search `directory` for this generation, and the cache is the one made then.
    [[nodiscard]] bool lists(std::string_view directory, std::string_view generation);
    /// Tells it to. @param libraries names in `directory`; at least one of them must be found in the new cache
    /// @throws Error exposure: a foreign file of our name, no ldconfig, ldconfig failed; the old state is back then
    void list(std::string_view directory, std::string_view generation, const std::vector<std::string>& libraries);

    /// Whether our configuration file is there.
    [[nodiscard]] bool is_ours_present() const;
    /// Takes our configuration away and has the cache made without it. @return whether anything was there
    bool remove();

private:
    [[nodiscard]] std::string find_ldconfig() const;
    void run_ldconfig(const std::string& program);
    [[nodiscard]] std::string identity_of(const std::string& path) const;
    [[nodiscard]] std::string cache_identity() const { return identity_of(kCache); }

    const Root& root_;
    ProcessRunner& processes_;
};

/// The directories in what `ld.so --list-diagnostics` prints (`path.system_dirs[0x0]="/lib/"`), without the last slash.
[[nodiscard]] std::vector<std::string> default_directories(std::string_view diagnostics);

}  // namespace overdrive
