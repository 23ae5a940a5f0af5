#include "builder-images/artifact/transfer/blob_upload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "builder-images/artifact/transfer/registry_images.hpp"
#include "support/sha256.hpp"
#include "support/skipping_clock.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A registry in memory that takes uploads, and goes wrong as it is told.
class UploadingRegistry final : public HttpTransport {
public:
    /// What becomes of the next request with a body.
    struct Fault {
        std::size_t takes = SIZE_MAX;  ///< of the body
        long answers = 0;              ///< 0: the connection breaks off
        std::string body{};
    };

    HttpResponse perform(const HttpRequest& request, const Sink& /*sink*/) override {
        std::string body;
        while (request.body) {
            const std::string_view some = request.body->next(7);
            if (some.empty()) break;
            body += some;
        }
        asked.push_back(request.method);
        for (const std::string& line : request.headers)
            if (line.starts_with("Content-Range: ")) ranges.push_back(line.substr(15));
        if ((request.method == "PATCH" || request.method == "PUT") && !faults.empty()) {
            const Fault fault = faults.front();
            faults.pop_front();
            if (request.method == "PATCH") upload += body.substr(0, fault.takes);
            if (forgets) open = false;
            if (fault.answers == 0) throw Error{Errc::unreachable, "connection reset"};
            return {.status = fault.answers, .headers = {}, .body = fault.body};
        }
        return answer(request, body);
    }

    std::string content;  ///< of the blob, once it is there
    std::string upload;
    bool open = false;
    bool forgets = false;  ///< an upload whose request went wrong
    bool mounts = false;
    std::deque<Fault> faults;
    std::vector<std::string> asked;
    std::vector<std::string> ranges;

private:
    HttpResponse answer(const HttpRequest& request, const std::string& body) {
        if (request.method == "HEAD") return {.status = content.empty() ? 404 : 200, .headers = {}, .body = {}};
        if (request.method == "POST") {
            if (mounts && request.url.find("?mount=") != std::string::npos)
                return {.status = 201, .headers = {}, .body = {}};
            upload.clear();
            open = true;
            return moved(202);
        }
        if (!open) return {.status = 404, .headers = {}, .body = {}};
        if (request.method == "GET") return moved(204);
        if (request.method == "PATCH") {
            upload += body;
            return moved(202);
        }
        upload += body;
        content = std::exchange(upload, {});
        open = false;
        return {.status = 201, .headers = {}, .body = {}};
    }
    HttpResponse moved(long status) const {
        return {.status = status,
                .headers = {{"location", "/v2/a/b/blobs/uploads/1"},
                            {"range", "0-" + std::to_string(upload.empty() ? 0 : upload.size() - 1)}},
                .body = {}};
    }
};

struct NoLogins final : LoginFinder {
    std::optional<Login> find(const std::string& /*host*/, const std::string& /*repository*/) override { return {}; }
};

class BlobUploadTest : public testing::Test {
protected:
    static constexpr std::size_t kPiece = 10;

    BlobMove upload() {
        const BlobDescriptor blob{"t", Digest::from_hex(sha256_hex(text_)), text_.size(), {}};
        BlobOrigin origin;
        origin.read = [&](const ImageReader::Sink& sink) {
            ++reads_;
            for (std::size_t at = 0; at < text_.size(); at += 4) sink(std::string_view{text_}.substr(at, 4));
        };
        origin.moved = [&](std::int64_t bytes) { moved_ += bytes; };
        origin.host = from_host_;
        origin.repository = "c/d";
        return BlobUpload{session_, {.piece_bytes = kPiece}, blob, origin}.run();
    }

    std::string text_ = std::string(10, 'a') + std::string(10, 'b') + "ccccc";
    std::string from_host_{};
    UploadingRegistry registry_;
    NoLogins logins_;
    SkippingClock clock_;
    RegistrySession session_{{.host = "r.example", .repository = "a/b"}, registry_, logins_, clock_, {}};
    int reads_ = 0;
    std::int64_t moved_ = 0;
};

TEST_F(BlobUploadTest, SendsASmallBlobWithOnePut) {
    text_ = std::string(kPiece, 'x');
    EXPECT_EQ(upload(), BlobMove::uploaded);
    EXPECT_EQ(registry_.content, text_);
    EXPECT_THAT(registry_.asked, ElementsAre("POST", "PUT"));
    EXPECT_EQ(moved_, 10);
}

TEST_F(BlobUploadTest, SendsALargeOneInPiecesThatSayWhereTheyBelong) {
    EXPECT_EQ(upload(), BlobMove::uploaded);
    EXPECT_EQ(registry_.content, text_);
    EXPECT_THAT(registry_.asked, ElementsAre("POST", "PATCH", "PATCH", "PATCH", "PUT"));
    EXPECT_THAT(registry_.ranges, ElementsAre("0-9", "10-19", "20-24"));
    EXPECT_EQ(moved_, 25);
}

TEST_F(BlobUploadTest, GoesOnBehindWhatTheRegistryHasOfAPieceThatBrokeOff) {
    registry_.faults = {{.takes = 4}};
    EXPECT_EQ(upload(), BlobMove::uploaded);
    EXPECT_EQ(registry_.content, text_);
    EXPECT_THAT(registry_.asked, ElementsAre("POST", "PATCH", "GET", "PATCH", "PATCH", "PATCH", "PUT"));
    EXPECT_THAT(registry_.ranges, ElementsAre("0-9", "4-9", "10-19", "20-24"));
    EXPECT_EQ(reads_, 1);
    EXPECT_EQ(moved_, 25);
}

TEST_F(BlobUploadTest, DoesNotSendAgainAPieceWhoseAnswerWasLost) {
    registry_.faults = {{.takes = kPiece, .answers = 503}};
    EXPECT_EQ(upload(), BlobMove::uploaded);
    EXPECT_EQ(registry_.content, text_);
    EXPECT_THAT(registry_.ranges, ElementsAre("0-9", "10-19", "20-24"));
}

TEST_F(BlobUploadTest, AsksHowMuchThereIsWhenAPieceDoesNotFit) {
    registry_.faults = {{.takes = 6, .answers = 416}};
    EXPECT_EQ(upload(), BlobMove::uploaded);
    EXPECT_EQ(registry_.content, text_);
}

TEST_F(BlobUploadTest, BeginsAnewWhenTheRegistryHasForgottenTheUpload) {
    registry_.forgets = true;
    registry_.faults = {{.takes = 4}};
    EXPECT_EQ(upload(), BlobMove::uploaded);
    EXPECT_EQ(registry_.content, text_);
    EXPECT_EQ(reads_, 2);
    EXPECT_EQ(moved_, 25);
}

TEST_F(BlobUploadTest, DoesNotSendAgainABlobWhoseLastAnswerWasLost) {
    text_ = "small";
    registry_.faults = {{.answers = 502}};
    registry_.content = "small";  // it had arrived
    EXPECT_EQ(upload(), BlobMove::uploaded);
    EXPECT_THAT(registry_.asked, ElementsAre("POST", "PUT", "HEAD"));
}

TEST_F(BlobUploadTest, GivesUpARegistryThatTakesNothing) {
    registry_.faults.assign(100, {.takes = 0, .answers = 503});
    EXPECT_THROW(upload(), Error);
    EXPECT_LT(registry_.asked.size(), 60U);
    EXPECT_LE(clock_.slept, std::chrono::minutes{3});
}

TEST_F(BlobUploadTest, MountsWhatTheSameRegistryHas) {
    registry_.mounts = true;
    from_host_ = "r.example";
    EXPECT_EQ(upload(), BlobMove::mounted);
    EXPECT_THAT(registry_.asked, ElementsAre("POST"));
    EXPECT_EQ(reads_, 0);
}

TEST_F(BlobUploadTest, SendsWhatTheRegistryDoesNotMount) {
    from_host_ = "r.example";
    EXPECT_EQ(upload(), BlobMove::uploaded);
    EXPECT_THAT(registry_.asked, ElementsAre("POST", "PATCH", "PATCH", "PATCH", "PUT"));
}

TEST_F(BlobUploadTest, DoesNotAskARegistryToMountFromAnother) {
    registry_.mounts = true;
    from_host_ = "other.example";
    EXPECT_EQ(upload(), BlobMove::uploaded);
}

struct Refused {
    long status;
    const char* body;
    Errc reason;
};

class UploadRefusedTest : public BlobUploadTest, public testing::WithParamInterface<Refused> {};

TEST_P(UploadRefusedTest, SaysWhyInTheRegistrysWords) {
    text_ = "small";
    registry_.faults = {{.answers = GetParam().status, .body = GetParam().body}};
    try {
        upload();
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), GetParam().reason) << error.what();
        EXPECT_FALSE(error.remedy().empty());
    }
}

INSTANTIATE_TEST_SUITE_P(
    Registry, UploadRefusedTest,
    testing::Values(Refused{413, "", Errc::no_space},
                    Refused{403, R"({"errors":[{"code":"DENIED","message":"quota exceeded"}]})", Errc::no_space},
                    Refused{403, R"({"errors":[{"code":"DENIED","message":"no"}]})", Errc::login_refused},
                    Refused{405, R"({"errors":[{"code":"UNSUPPORTED","message":"no"}]})", Errc::read_only},
                    Refused{409, R"({"errors":[{"code":"TAG_IMMUTABLE","message":"no"}]})", Errc::read_only}));

}  // namespace
}  // namespace overdrive
