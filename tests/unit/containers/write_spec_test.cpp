#include "cdi/write_spec.hpp"

#include <gtest/gtest.h>

#include "spec_samples.hpp"

namespace overdrive {
namespace {

CdiSpec full_spec() {
    return spec_of(R"(
cdiVersion: "1.1.0"
kind: example.com/card
annotations: {a: b}
devices:
- name: "0:1"
  containerEdits:
    deviceNodes: [{path: /dev/a, hostPath: /dev/b, type: c, major: 195, minor: 1, fileMode: 438, permissions: rw, uid: 7, gid: 0}]
- {name: empty, containerEdits: {}}
containerEdits:
  env: [A=1]
  hooks: [{hookName: createContainer, path: /bin/h, args: [h, --mode, "755"], env: [E=1], timeout: 5}]
  mounts: [{hostPath: /h, containerPath: /c, options: [ro, rbind]}]
  intelRdt: {closID: c}
  additionalGids: [44]
)");
}

TEST(WriteCdiSpecTest, GivesOneYamlAsTheContainerToolkitWouldLayItOut) {
    EXPECT_EQ(to_yaml(full_spec()), R"(---
cdiVersion: 1.1.0
kind: example.com/card
annotations:
    a: b
devices:
    - name: "0:1"
      containerEdits:
        deviceNodes:
            - path: /dev/a
              hostPath: /dev/b
              type: c
              major: 195
              minor: 1
              fileMode: 438
              permissions: rw
              uid: 7
              gid: 0
    - name: empty
      containerEdits: {}
containerEdits:
    env:
        - A=1
    hooks:
        - hookName: createContainer
          path: /bin/h
          args:
            - h
            - --mode
            - "755"
          env:
            - E=1
          timeout: 5
    mounts:
        - hostPath: /h
          containerPath: /c
          options:
            - ro
            - rbind
    intelRdt:
        closID: c
    additionalGids:
        - 44
)");
}

TEST(WriteCdiSpecTest, BothFormatsComeBackAsTheyWere) {
    const CdiSpec spec = full_spec();
    EXPECT_EQ(spec_of(to_yaml(spec)), spec);
    EXPECT_EQ(spec_of(to_json(spec)), spec);
}

/// Each of these is something else than a string to some reader of YAML, or would end the string early.
TEST(WriteCdiSpecTest, QuotesWhateverAReaderMightMistake) {
    for (const std::string text :
         {"",     "0",    "0:1",  "12:30:45", "1_000", "0x1F", "1e5",  "-1",   "+1",       ".5",
          ".inf", ".NaN", "yes",  "No",       "ON",    "true", "Null", "~",    "y",        "2026-01-01",
          "- a",  "a: b", "a #b", "#a",       "*a",    "&a",   "!a",   "|",    ">",        "%a",
          "@a",   "`a",   "'a",   "\"a",      "{a",    "[a",   "a\nb", "a\tb", "a ",       " a",
          "\\",   "?",    ":",    "=",        "-",     "---",  "...",  "\x7f", "\xc3\xa9", "\xf0\x9f\x98\x80"}) {
        CdiSpec spec;
        spec.edits.env = {text};
        const std::string yaml = to_yaml(spec);
        EXPECT_NE(yaml.find("- \""), std::string::npos) << yaml;
        EXPECT_EQ(spec_of(yaml).edits.env.at(0), text) << yaml;
        EXPECT_EQ(spec_of(to_json(spec)).edits.env.at(0), text);
    }
    for (const std::string text :
         {"0.5.0", "/dev/nvidia0", "GPU-0000-1", "libcuda.so.1::/usr/lib64/libcuda.so", "A=B=C"}) {
        CdiSpec spec;
        spec.edits.env = {text};
        EXPECT_NE(to_yaml(spec).find("- " + text + "\n"), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace overdrive
