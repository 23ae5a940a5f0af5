#include "verbs/cdi_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/sha256.hpp"
#include "transaction/steps/write_cdi.hpp"
#include "verbs/activator.hpp"

namespace overdrive {

namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool is_owned(const Record& record, const std::string& path) {
    return std::any_of(record.owned.begin(), record.owned.end(),
                       [&](const OwnedPath& owned) { return owned.path == path; });
}

}  // namespace

CdiKeeper::CdiKeeper(Services& services, Store& store, const Config& config, LocalState& local, Pair pair,
                     Report& report)
    : services_{services},
      store_{store},
      config_{config},
      local_{local},
      pair_{std::move(pair)},
      report_{report},
      path_{kept_cdi_path(config)} {}

std::unique_ptr<Step> CdiKeeper::withdraw_step() const {
    if (!services_.root.link_status(path_) || is_foreign_cdi(services_.root, path_)) return nullptr;
    return std::make_unique<WithdrawCdi>(services_.root, path_);
}

std::unique_ptr<Step> CdiKeeper::write_step(bool device) {
    if (is_foreign_cdi(services_.root, path_)) {
        report_.warn(fmt::format("'{}' was not written by overdrive and stays: containers get what it says", path_));
        return nullptr;
    }
    return std::make_unique<WriteCdi>(services_.root, path_,
                                      [this, device] { return device ? make(true) : std::nullopt; });
}

std::optional<std::string> CdiKeeper::make(bool may_fail) {
    // What an earlier policy put aside has its say again before it is asked who else has one.
    if (config_.containers.other_generators != OtherGenerators::mask && local_.record)
        static_cast<void>(restore_cdi_put_aside(services_.root, config_, *local_.record));
    auto inputs = cdi_inputs(services_, store_, config_, local_);  // first: what changes meanwhile breaks the seal
    WantedCdi wanted = wanted_cdi(services_, store_, config_, local_.facts, pair_);
    if (!wanted.why_not.empty()) {
        const std::string told = fmt::format("containers get no GPU by CDI: {}", wanted.why_not);
        if (wanted.deferred) {
            report_.note(told);
        } else if (may_fail && config_.containers.cdi == CdiPolicy::require) {
            throw Error{Errc::verify_failed, told}.with_remedy(
                "[containers] cdi = \"warn\" in the configuration accepts it");
        } else {
            report_.warn(told);
        }
    }
    for (const std::string& remark : wanted.remarks) report_.note(remark);
    put_aside_ = std::move(wanted.put_aside);
    if (wanted.text) note_owned();
    if (wanted.text && inputs && put_aside_.empty())
        seal({std::move(*inputs), sha256_hex(*wanted.text), std::move(wanted.version), std::move(wanted.devices)});
    return std::move(wanted.text);
}

/// Before the file is written, whose digest it has: a run that is cut off here is still to be made good, and what it
/// left is overwritten then. Without a seal the specification is made anew each time, which is no reason to fail.
void CdiKeeper::seal(const CdiSeal& seal) {
    try {
        write_cdi_seal(services_.root, seal);
    } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        report_.note(fmt::format("what containers are told will be made anew each time: {}", error.what()));
    }
}

/// Before it is written: a run that is cut off leaves nothing that uninstall does not know.
void CdiKeeper::note_owned() {
    if (local_.record && is_owned(*local_.record, path_)) return;
    change_record_if_possible(store_, local_, report_, [&](Record& record) {
        const std::string folder = parent_of(path_);
        if (!services_.root.exists(folder) && !is_owned(record, folder))
            record.owned.push_back({folder, "directory", ""});
        record.owned.push_back(owned_cdi(path_));
    });
}

void CdiKeeper::settle() {
    const Root& root = services_.root;
    for (const std::string& path : put_aside_) {
        root.rename(path, fmt::format("{}{}", path, kAsideSuffix));
        report_.warn(fmt::format("'{0}' gave the same devices and is put aside as '{0}{1}'", path, kAsideSuffix));
    }
    if (!local_.record) return;
    const auto is_elsewhere = [&](const OwnedPath& owned) { return is_owned_cdi(owned) && owned.path != path_; };
    std::vector<OwnedPath> elsewhere;
    std::copy_if(local_.record->owned.begin(), local_.record->owned.end(), std::back_inserter(elsewhere), is_elsewhere);
    if (elsewhere.empty()) return;
    for (const OwnedPath& owned : elsewhere) {
        if (!is_foreign_cdi(root, owned.path)) root.remove(owned.path);
    }
    change_record_if_possible(store_, local_, report_,
                              [&](Record& record) { std::erase_if(record.owned, is_elsewhere); });
}

bool CdiKeeper::refresh(bool device) {
    try {
        bool changed = false;
        if (device && unbroken_cdi_seal(services_, store_, config_, local_)) return false;
        if (!is_foreign_cdi(services_.root, path_))
            changed =
                WriteCdi{services_.root, path_, [this, device] { return device ? make(false) : std::nullopt; }}.apply();
        settle();
        return changed;
    } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        report_.warn(fmt::format("container engines could not be told of the driver: {}", error.what()));
        return false;
    }
}

bool cdi_is_right(const Services& services, const Store& store, const Config& config, const LocalState& local) {
    const std::string path = kept_cdi_path(config);
    if (unbroken_cdi_seal(services, store, config, local) || is_foreign_cdi(services.root, path)) return true;
    const WantedCdi wanted = wanted_cdi(services, store, config, local.facts, *local.selection.pair);
    return wanted.put_aside.empty() && wanted.text == services.root.read_file(path);
}

}  // namespace overdrive
