// Runs the fuzz targets without libFuzzer: every file of the corpus, then mutations of them, the same in every run.
// Usage: fuzz_replay CORPUS_DIRECTORY TARGET MUTATIONS
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/targets.hpp"

namespace overdrive {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = 64U << 10U;

/// What crashes is left in this file, to be debugged and then added to the corpus.
constexpr const char* kCrashFile = "fuzz-crash";
std::string_view
    current_input;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): a signal handler reads it

void save_crash(int signal) {
    const int file = creat(kCrashFile, 0644);
    if (file >= 0) static_cast<void>(!write(file, current_input.data(), current_input.size()));
    static_cast<void>(std::signal(signal, SIG_DFL));
    static_cast<void>(std::raise(signal));
}

class Mutator {
public:
    explicit Mutator(const std::vector<std::string>& seeds) : seeds_{seeds} {}

    std::string next() {
        std::string text = seeds_[below(seeds_.size())];
        for (std::size_t steps = 1 + below(6); steps > 0; --steps) change(text);
        text.resize(std::min(text.size(), kMostBytes));
        return text;
    }

private:
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

    void change(std::string& text) {
        static const std::vector<std::string> kPieces{
            "",   "..",  "/",    "\n",   std::string(1, '\0'),   "{}", "[", "\"",
            "-1", "0x0", "\xff", "%s%n", "99999999999999999999", "=",  "\\"};
        const std::size_t at = below(text.size() + 1);
        switch (below(6)) {
            case 0:
                if (at < text.size())
                    text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1U << below(8)));
                break;
            case 1:
                text.erase(at, below(16));
                break;
            case 2:
                text.insert(at, kPieces[below(kPieces.size())]);
                break;
            case 3:
                text.insert(at, text.substr(below(text.size() + 1), below(64)));
                break;
            case 4:
                text.resize(at);
                break;
            default: {
                const std::string& other = seeds_[below(seeds_.size())];
                text.insert(at, other.substr(below(other.size() + 1), below(256)));
            }
        }
    }

    const std::vector<std::string>& seeds_;
    std::mt19937_64 random_{20260101};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same inputs in every run
};

std::vector<std::string> read_corpus(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator{directory}) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> texts;
    for (const fs::path& file : files) {
        std::ostringstream text;
        text << std::ifstream{file, std::ios::binary}.rdbuf();
        texts.push_back(text.str());
    }
    return texts;
}

void run_one(const FuzzTarget& target, const std::string& input) {
    current_input = input;
    target.run(input);
}

int replay(const FuzzTarget& target, const fs::path& corpus, int mutations) {
    const std::vector<std::string> seeds = read_corpus(corpus / target.name);
    if (seeds.empty()) {
        static_cast<void>(std::fprintf(stderr, "%s has no corpus\n", target.name));
        return EXIT_FAILURE;
    }
    Mutator mutator{seeds};
    for (const std::string& seed : seeds) run_one(target, seed);
    for (int i = 0; i < mutations; ++i) run_one(target, mutator.next());
    static_cast<void>(
        std::printf("%s: %zu executions\n", target.name, seeds.size() + static_cast<std::size_t>(mutations)));
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace overdrive

int main(int argc, char** argv) {
    if (argc != 4) {
        static_cast<void>(std::fprintf(stderr, "usage: fuzz_replay CORPUS_DIRECTORY TARGET MUTATIONS\n"));
        return 2;
    }
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
        static_cast<void>(std::signal(signal, overdrive::save_crash));
    try {
        for (const overdrive::FuzzTarget& target : overdrive::fuzz_targets()) {
            if (std::string_view{target.name} == argv[2]) return overdrive::replay(target, argv[1], std::stoi(argv[3]));
        }
        static_cast<void>(std::fprintf(stderr, "no target is called '%s'\n", argv[2]));
        return 2;
    } catch (const std::exception& error) {
        static_cast<void>(std::fprintf(stderr, "%s let through what is no refusal: %s\n", argv[2], error.what()));
        std::abort();
    }
}
