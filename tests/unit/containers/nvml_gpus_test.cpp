#include "cdi/nvml_gpus.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kGpu =
    R"({"index":0,"minor":3,"uuid":"GPU-1","address":"00000000:0A:00.0","model":"NVIDIA H200","mig":false,"instances":[]})";
constexpr const char* kInstance = R"({"index":2,"gpu_instance":9,"compute_instance":1,"uuid":"MIG-2","graphics":true})";

std::string answer(const std::string& gpus) {
    return fmt::format(R"({{"schema":1,"driver_version":"999.88.77","gpus":[{}]}})", gpus);
}

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(parse_nvml_answer(text));
        return "taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unsupported);
        return error.what();
    }
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

/// Ends as it is told, and remembers how it was started.
struct EndingProcess final : ProcessRunner {
    ProcessResult run(const ProcessRequest& request) override {
        asked = request;
        return result;
    }
    ProcessResult result{};
    ProcessRequest asked{};
};

std::string complaint(const ProcessResult& result) {
    EndingProcess process;
    process.result = result;
    try {
        static_cast<void>(ask_nvml_by(process, "/bin/overdrive-nvml")("/lib/libnvidia-ml.so.1"));
        return "taken";
    } catch (const Error& error) {
        return error.what();
    }
}

TEST(NvmlAnswerTest, GpusAndInstancesAreRead) {
    const GpuInventory read = parse_nvml_answer(answer(
        replaced(replaced(kGpu, R"("instances":[])", fmt::format(R"("instances":[{}])", kInstance)), "false", "true")));
    EXPECT_EQ(read.source, "NVML");
    EXPECT_EQ(read.driver_version, "999.88.77");
    const GpuDevice gpu{0, 3, "GPU-1", "0000:0a:00.0", "NVIDIA H200", true, {{2, 9, 1, "MIG-2", true}}};
    EXPECT_THAT(read.gpus, testing::ElementsAre(gpu));
    EXPECT_THAT(parse_nvml_answer(answer("")).gpus, IsEmpty());
}

TEST(NvmlAnswerTest, AnErrorIsToldInItsWords) {
    const std::string told = R"json({"schema":1,"error":"NVML: nvmlInit_v2: Driver Not Loaded (9)"})json";
    EXPECT_EQ(refusal(told), "NVML: nvmlInit_v2: Driver Not Loaded (9)");
}

TEST(NvmlAnswerTest, WhatTheProgramNeverPrintsIsRefused) {
    for (const char* text : {"", "{", "[]", "null", "\xff", R"({"schema":1} {})"})
        EXPECT_THAT(refusal(std::string{text}), HasSubstr("an answer that is none")) << text;
    const std::string good = answer(kGpu);
    EXPECT_EQ(refusal(good), "taken");
    EXPECT_THAT(refusal(replaced(good, R"("schema":1)", R"("schema":2)")), HasSubstr("its schema is not 1"));
    EXPECT_THAT(refusal(replaced(good, R"("minor":3)", R"("minor":-3)")), HasSubstr("'minor' is no number"));
    EXPECT_THAT(refusal(replaced(good, R"("minor":3)", R"("minor":99999999999)")), HasSubstr("'minor' is no number"));
    EXPECT_THAT(refusal(replaced(good, R"("minor":3,)", "")), HasSubstr("'minor' is missing"));
    EXPECT_THAT(refusal(replaced(good, "GPU-1", R"(GPU\n1)")), HasSubstr("'uuid' has characters"));
    EXPECT_THAT(refusal(replaced(good, "GPU-1", std::string(97, 'x'))), HasSubstr("'uuid' has characters"));
    EXPECT_THAT(refusal(replaced(good, R"("GPU-1")", "1")), HasSubstr("'uuid' is no text"));
    EXPECT_THAT(refusal(replaced(good, "false", "0")), HasSubstr("'mig' is neither"));
    EXPECT_THAT(refusal(replaced(good, "[]", "{}")), HasSubstr("'instances' is no list"));
    EXPECT_THAT(refusal(replaced(good, "[]", "[1]")), HasSubstr("'instances' is no list"));
}

TEST(NvmlAskerTest, TheProgramIsAskedWithAnEnvironmentOfItsOwnATimeAndALimit) {
    EndingProcess process;
    process.result.output = answer(kGpu);
    EXPECT_EQ(ask_nvml_by(process, "/bin/overdrive-nvml")("/lib/libnvidia-ml.so.1").gpus.size(), 1U);
    EXPECT_THAT(process.asked.arguments, testing::ElementsAre("/bin/overdrive-nvml", "/lib/libnvidia-ml.so.1"));
    EXPECT_THAT(process.asked.environment, testing::UnorderedElementsAre(testing::Key("PATH"), testing::Key("LC_ALL")));
    EXPECT_TRUE(process.asked.errors_apart);
    EXPECT_LE(process.asked.most_output, 1U << 20U);
}

TEST(NvmlAskerTest, AProgramThatHangsOrCrashesIsNamed) {
    EXPECT_THAT(complaint({.exit_code = 137, .timed_out = true, .output = {}}),
                HasSubstr("gave no answer in 60 seconds"));
    EXPECT_THAT(complaint({.exit_code = 139, .timed_out = false, .output = answer(kGpu)}),
                HasSubstr("ended with status 139"));
    EXPECT_THAT(complaint({.exit_code = 0, .timed_out = false, .output = answer(kGpu).substr(0, 50)}),
                HasSubstr("is none"));
    EXPECT_THAT(complaint({.exit_code = 1, .timed_out = false, .output = R"({"error":"load NVML: no such file"})"}),
                HasSubstr("load NVML: no such file"));
}

}  // namespace
}  // namespace overdrive
