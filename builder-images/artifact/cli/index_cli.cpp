#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/index_arguments.hpp"
#include "builder-images/artifact/cli/sign_arguments.hpp"
#include "builder-images/artifact/delta/delta_image.hpp"
#include "builder-images/artifact/files.hpp"
#include "builder-images/artifact/index_edit.hpp"
#include "builder-images/artifact/transfer/pair_facts.hpp"
#include "builder-images/artifact/transfer/verify_image.hpp"

namespace overdrive {

namespace {

/// What the verbs that change an index have in common.
struct EditArguments : IndexArguments {
    std::string sign_key{};
    std::uint64_t settle_milliseconds = 1000;
    bool dry_run = false;
    std::vector<std::string> tags{};
    std::vector<std::string> proofs{};
    bool allow_unsigned = false;
    std::string channel{};
    std::string driver{};
    bool remove_channel = false;
};

using SharedEdit = std::shared_ptr<EditArguments>;

/// One run of a verb that changes an index.
class Editing {
public:
    Editing(ArtifactServices& services, const EditArguments& arguments)
        : services_{services},
          arguments_{arguments},
          reference_{index_place(arguments)},
          key_{SignArguments{.key = arguments.sign_key}.read_image_key()},
          trust_{index_trust(arguments, reference_)},
          opener_{services, arguments.places} {
        if (reference_.place.kind == SourceName::Kind::layout_archive)
            throw Error{Errc::usage, fmt::format("'{}' is a tar file, which is written as a whole", arguments.place)};
        if (!reference_.is_registry() && arguments.repository.empty()) {
            throw Error{Errc::usage, "a layout has no name that an index could be for"}.with_remedy(
                "give --repository HOST/REPOSITORY, the place that nodes will ask for it");
        }
        trust_.policy.keys.push_back(arguments.sign_key);
        trust_.keys.keys.push_back({arguments.sign_key, key_.public_key()});
        place_ = &opener_.writer(reference_);
    }

    /// What tags of an index name.
    struct Named {
        std::vector<OfferedPair> offers{};
        std::vector<OfferedDelta> deltas{};
    };

    /// The facts of all tags that were named: of images that one of the keys vouches for, and of deltas, which need no
    /// signature, since what they make is checked file by file.
    Named read_named() {
        Named named;
        for (const std::string& tag : arguments_.tags) {
            const RawManifest image = find_image(*place_, reference_.with_tag(tag));
            if (is_delta(image)) {
                named.deltas.push_back(parse_delta_manifest(image));
                continue;
            }
            if (!arguments_.allow_unsigned) require_signed(image, tag);
            for (OfferedPair& offer : pair_facts(*place_, image, tag)) named.offers.push_back(std::move(offer));
        }
        std::vector<ProofReport> reports;
        for (const std::string& path : arguments_.proofs)
            reports.push_back(ProofReport::parse(read_small_file(path), path));
        add_proof(named.offers, reports);
        return named;
    }

    /// @param required there has to be an index already
    void change(const IndexEdit& edit, bool required = false, bool anew = false) {
        if (required && !place_->tagged(kPairIndexTag))
            throw Error{Errc::no_artifact, fmt::format("'{}' has no pair index", arguments_.place)};
        const IndexWriting writing{
            .key = key_,
            .repository = reference_.is_registry() ? reference_.repository() : arguments_.repository,
            .settle = std::chrono::milliseconds{reference_.is_registry() ? arguments_.settle_milliseconds : 0},
            .anew = anew,
            .dry_run = arguments_.dry_run};
        const IndexChange made = change_index(*place_, trust_, writing, edit, services_.clock);
        if (!arguments_.dry_run) place_->finish();
        tell(made);
    }

    [[nodiscard]] std::uint64_t now() const { return static_cast<std::uint64_t>(services_.clock.wall().count()); }

private:
    void require_signed(const RawManifest& image, const std::string& tag) {
        for (const ManifestAnswer& each :
             verify_image(*place_, image, trust_.policy, trust_.keys, {.repository = trust_.repository, .tag = tag})) {
            if (each.answer.vouching) continue;
            throw Error{Errc::untrusted,
                        fmt::format("{} of '{}' is not vouched for: {}", each.digest.text(), tag, each.answer.why_not)}
                .with_remedy(
                    "nodes would refuse it: sign it first (overdrive-artifact sign), or give the public key that "
                    "signed it with --key");
        }
    }

    void tell(const IndexChange& made) const {
        for (const std::string& channel : empty_channels(made.index))
            say(fmt::format("no pair is left for the channel {}", channel));
        say(fmt::format("the index of {} {}: {} pairs{}, serial {}", arguments_.place,
                        !made.changed        ? "is unchanged"
                        : arguments_.dry_run ? "would change"
                                             : "changed",
                        made.index.pairs.size(),
                        made.index.deltas.empty() ? "" : fmt::format(" and {} deltas", made.index.deltas.size()),
                        made.index.serial));
        if (arguments_.as_json) {
            nlohmann::ordered_json json = index_json(made.index, made.digest, true);
            json["changed"] = made.changed;
            json["dry_run"] = arguments_.dry_run;
            return print(json.dump(2) + "\n");
        }
        if (made.digest) print(made.digest->text() + "\n");
    }

    ArtifactServices& services_;
    const EditArguments& arguments_;
    PlaceReference reference_;
    PrivateKey key_;
    IndexTrust trust_;
    PlaceOpener opener_;
    ImageWriter* place_ = nullptr;
};

CLI::App* add_editing(CLI::App& index, const SharedEdit& arguments, const char* name, const char* what) {
    CLI::App* verb = index.add_subcommand(name, what);
    add_index_options(verb, arguments, "public key that vouches for what is there, besides the one of --sign-key");
    verb->add_option("--sign-key", arguments->sign_key, "private key (PEM, ECDSA P-256 or Ed25519) to sign with")
        ->type_name("FILE")
        ->required();
    verb->add_option("--settle", arguments->settle_milliseconds,
                     "milliseconds after which it is looked again whether another job overwrote the index")
        ->capture_default_str()
        ->check(CLI::Range(0, 60'000));
    verb->add_flag("--dry-run", arguments->dry_run, "say what would change and change nothing");
    return verb;
}

void add_tags(CLI::App* verb, const SharedEdit& arguments) {
    verb->add_option("TAG", arguments->tags, "tags of pairs, <OS key>-<driver>, and of deltas, delta_...")->required();
}

void add_facts_options(CLI::App* verb, const SharedEdit& arguments) {
    add_tags(verb, arguments);
    verb->add_option("--proof", arguments->proofs,
                     "report of 'builder-images/prove' about one of them: the names of its checks are noted; may be "
                     "given several times")
        ->type_name("FILE")
        ->allow_extra_args(false);
    verb->add_flag("--allow-unsigned", arguments->allow_unsigned, "take images that none of the keys signed");
}

void add_add(CLI::App& index, Chosen& chosen) {
    const auto arguments = std::make_shared<EditArguments>();
    CLI::App* verb = add_editing(index, arguments, "add", "put pairs and deltas into the index, all in one step");
    verb->footer(
        "Every fact is read from the images themselves, which the key has to have signed. An index that the key did "
        "not\nsign is refused, not taken over. Jobs that write at the same time see each other and do it again.");
    add_facts_options(verb, arguments);
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) {
            Editing editing{services, *arguments};
            const auto named = editing.read_named();
            editing.change([&](PairIndex& pairs) {
                add_offers(pairs, named.offers, editing.now());
                add_deltas(pairs, named.deltas);
            });
        };
    });
}

void add_rebuild(CLI::App& index, Chosen& chosen) {
    const auto arguments = std::make_shared<EditArguments>();
    CLI::App* verb = add_editing(index, arguments, "rebuild",
                                 "make the index anew of exactly these pairs and deltas, from the images alone");
    verb->footer(
        "For an index that is damaged or was signed with a key that is gone. Channels, dates and proof are kept where "
        "one of\nthe keys vouches for the index that is there; otherwise they are lost.\n"
        "All pairs of a repository: overdrive-artifact list docker://HOST/REPOSITORY");
    add_facts_options(verb, arguments);
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) {
            Editing editing{services, *arguments};
            const auto named = editing.read_named();
            editing.change(
                [&](PairIndex& pairs) {
                    replace_offers(pairs, named.offers, editing.now());
                    pairs.deltas.clear();
                    add_deltas(pairs, named.deltas);
                },
                false, true);
        };
    });
}

void add_remove(CLI::App& index, Chosen& chosen) {
    const auto arguments = std::make_shared<EditArguments>();
    CLI::App* verb = add_editing(index, arguments, "remove", "take pairs and deltas out of the index; the images stay");
    add_tags(verb, arguments);
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) {
            std::vector<std::string> missing;
            Editing{services, *arguments}.change(
                [&](PairIndex& pairs) {
                    missing = remove_tags(pairs, arguments->tags);
                    drop_stale_deltas(pairs);
                },
                true);
            if (!missing.empty()) say(fmt::format("not in the index: {}", fmt::join(missing, ", ")));
        };
    });
}

void run_channel(ArtifactServices& services, const EditArguments& arguments) {
    if (arguments.remove_channel == !arguments.driver.empty())
        throw Error{Errc::usage, "a channel gets a driver, or --remove"};
    Editing{services, arguments}.change(
        [&](PairIndex& pairs) {
            if (arguments.remove_channel)
                pairs.channels.erase(arguments.channel);
            else
                set_channel(pairs, arguments.channel, arguments.driver);
        },
        true);
}

void add_channel(CLI::App& index, Chosen& chosen) {
    const auto arguments = std::make_shared<EditArguments>();
    CLI::App* verb = add_editing(index, arguments, "channel", "point a channel at a driver or a branch of the index");
    verb->footer(
        "Nodes with driver = \"NAME\" follow it when they update: overdrive-artifact index channel\n"
        "docker://HOST/REPOSITORY stable 550.163.01-open --sign-key first.key");
    verb->add_option("NAME", arguments->channel, "a lower-case word, such as stable")->required();
    verb->add_option("DRIVER", arguments->driver, "a driver id (550.163.01-open) or a branch (550, 550-open)");
    verb->add_flag("--remove", arguments->remove_channel, "there is no such channel any more");
    verb->callback([=, &chosen] { chosen = [=](ArtifactServices& services) { run_channel(services, *arguments); }; });
}

}  // namespace

void add_index_editing_verbs(CLI::App& index, Chosen& chosen) {
    add_add(index, chosen);
    add_remove(index, chosen);
    add_rebuild(index, chosen);
    add_channel(index, chosen);
}

}  // namespace overdrive
