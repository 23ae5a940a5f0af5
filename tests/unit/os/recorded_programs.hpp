#pragma once

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "ports/process_runner.hpp"

namespace overdrive {

/// What a program printed. @param name a file in recorded/
inline std::string recorded(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream{std::string{RECORDED_DIRECTORY} + "/" + name}.rdbuf();
    return text.str();
}

/// A fake: programs that print what was recorded of them.
class RecordedPrograms final : public ProcessRunner {
public:
    ProcessResult run(const ProcessRequest& request) override {
        ran.push_back(request.arguments);
        return answers.at(request.arguments.front());
    }
    std::map<std::string, ProcessResult> answers;  ///< by program
    std::vector<std::vector<std::string>> ran;
};

}  // namespace overdrive
