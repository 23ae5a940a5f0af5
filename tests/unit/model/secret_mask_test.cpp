#include "model/secret_mask.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SecretMaskTest, NoSecretSurvivesWhereverItStands) {
    for (const char* text : {
             "proxy = \"http://user:hunter2@proxy.example:3128\"",
             "proxy = \"http://user:hun@ter2hunter2@proxy.example:3128\"",
             "see https://blob.example/x?sig=hunter2&se=1",
             "registry-password = \"hunter2\"",
             "password = hunter2 hunter2",
             "Password: hunter2",
             "{\"auth\": \"hunter2\"}",
             "{\"token\":\"hunter2\"}",
             "{\"token\": \"a \\\" hunter2\"}",
             "Authorization: Bearer hunter2",
             "curl -H 'x: Bearer hunter2'",
             "a Basic hunter2",
             "client_secret=hunter2",
             "API-KEY: hunter2",
             "Environment=HTTPS_PROXY=http://u:hunter2@p",
             "  Environment=\"A=hunter2\" \"B=hunter2\"",
             "Environment=A=1 \\\n  B=hunter2 \\\n  C=hunter2\n",
             "SetCredential=name:hunter2",
             "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\nhunter2\n-----END OPENSSH PRIVATE KEY-----",
             "x-token 'y' eyJhbGciOiJIUzI1NiIsInR5cCI6IkphunterRhunter2.hunter2",
         })
        EXPECT_THAT(without_secrets(text), Not(HasSubstr("hunter2"))) << text;
}

TEST(SecretMaskTest, WhatIsNoneStays) {
    for (const char* text :
         {"driver = \"550.163.01-open\"\n", "sources = [\"docker://registry.example/overdrive/x\"]\n",
          "nvidia_uvm 1 0 - Live 0x0\n", "see https://docs.example/page\n", "basically done\n",
          "{\n  \"state\": \"ready\",\n  \"trust\": null\n}\n", "[Service]\nExecStart=/opt/a b\n", ""})
        EXPECT_EQ(without_secrets(text), text);
}

TEST(SecretMaskTest, WhatFollowsASecretCanBeReadAgain) {
    EXPECT_EQ(without_secrets("{\"token\": \"hunter2\", \"state\": \"ready\"}"),
              "{\"token\": ***, \"state\": \"ready\"}");
    EXPECT_EQ(without_secrets("proxy = \"http://u:p@h:1\" x"), "proxy = \"http://***@h:1\" x");
    EXPECT_EQ(without_secrets("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nafter\n"),
              "***\n***\n***\nafter\n");
}

TEST(SecretMaskTest, CommentsGoButWhatOnlyLooksLikeOneStays) {
    EXPECT_EQ(without_comments_and_secrets("a = \"x#y\"  # was hunter2\n# hunter2\nb = 1\n", "#"),
              "a = \"x#y\"  \n\nb = 1\n");
    EXPECT_EQ(without_comments_and_secrets("; hunter2\n[Unit]\n", "#;"), "\n[Unit]\n");
}

TEST(SecretMaskTest, OfTheCommandLineOnlyTheDriversParametersAreKept) {
    EXPECT_EQ(driver_parameters("BOOT_IMAGE=/a ignition.config.url=http://u:p@h nvidia.NVreg_X=1 module.sig_enforce=1 "
                                "rd.luks.key=hunter2 intel_iommu=on\n"),
              "nvidia.NVreg_X=1 module.sig_enforce=1 intel_iommu=on");
}

}  // namespace
}  // namespace overdrive
