#include <algorithm>
#include <memory>

#include "cli/completion.hpp"
#include "cli/dispatch.hpp"
#include "store/store.hpp"

namespace overdrive {

namespace {

struct CompletionOptions {
    std::string what;
    std::vector<std::string> words;
};

InstalledNames installed_names(const Root& root) {
    InstalledNames names;
    for (const GenerationInfo& generation : Store{root}.list_generations()) {
        names.generations.push_back(generation.pair.path());
        const std::string driver = generation.pair.driver.text();
        if (std::find(names.drivers.begin(), names.drivers.end(), driver) == names.drivers.end())
            names.drivers.push_back(driver);
    }
    return names;
}

ExitCode answer(const CLI::App& app, const CompletionOptions& options, const Services& services, Report& report) {
    std::string text;
    nlohmann::ordered_json words = nlohmann::ordered_json::array();
    for (const Completion& candidate : complete(app, options.words, installed_names(services.root))) {
        text += candidate.word + "\t" + candidate.description + "\n";
        words.push_back(candidate.word);
    }
    report.result({{"schema", 1}, {"candidates", words}}, text);
    return ExitCode::ok;
}

}  // namespace

void add_completion_verb(CLI::App& app, Dispatch& dispatch) {
    const auto options = std::make_shared<CompletionOptions>();
    // Hidden: shells, packagers and the makers of the manual page use it, operators need not know it.
    CLI::App* verb = app.add_subcommand("completion", "print the completion of a shell: bash, zsh or fish")->group("");
    verb->add_option("what", options->what, "")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish", "man", "answer"}));
    verb->add_option("words", options->words, "");
    verb->callback([&app, &dispatch, options] {
        dispatch.verb = "completion";
        dispatch.chosen = [&app, options](Services& services, Report& report) {
            if (options->what == "answer") return answer(app, *options, services, report);
            const std::string text =
                options->what == "man" ? manual_of_verbs(app) : std::string{completion_script(options->what)};
            report.result({{"schema", 1}, {"text", text}}, text);
            return ExitCode::ok;
        };
    });
}

}  // namespace overdrive
