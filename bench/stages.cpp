// One stage of an install alone, as fast as plain library calls make it: what the floor is measured by.
//
//   bench_stages get URL | sha256 FILE | zstd FILE | gzip FILE | write TAR DIR
//   bench_stages cost RESULT COMMAND [WORD]...
//
// Prints {"wall": SECONDS, "cpu": SECONDS}. Files are in memory before the clock starts; `write` unpacks and syncs.
// `cost` runs a command and writes what it took to RESULT, with its peak memory. It starts the command from this small
// process, for the kernel counts what a process was before exec(2) as well: a Python would weigh 30 MB on everything.
#include <archive.h>
#include <archive_entry.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kPiece = 256U << 10U;
constexpr std::uint64_t kFlush = 8U << 20U;

void require(bool is_well, const std::string& what) {
    if (!is_well) throw std::runtime_error{what};
}

/// A file, wholly in memory.
class Mapped {
public:
    explicit Mapped(const std::string& path) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        struct stat status {};
        require(file >= 0 && fstat(file, &status) == 0, path + " cannot be read");
        size_ = static_cast<std::size_t>(status.st_size);
        memory_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
        ::close(file);
        require(memory_ != MAP_FAILED, path + " cannot be mapped");
    }
    Mapped(const Mapped&) = delete;
    Mapped& operator=(const Mapped&) = delete;
    ~Mapped() { munmap(memory_, size_); }

    [[nodiscard]] std::span<const char> bytes() const { return {static_cast<const char*>(memory_), size_}; }

private:
    void* memory_ = nullptr;
    std::size_t size_ = 0;
};

void get(const std::string& url) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle{curl_easy_init(), &curl_easy_cleanup};
    using Take = std::size_t (*)(char*, std::size_t, std::size_t, void*);
    const Take discard = [](char*, std::size_t, std::size_t size, void*) { return size; };
    curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());         // NOLINT(*-vararg)
    curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, discard);   // NOLINT(*-vararg)
    curl_easy_setopt(handle.get(), CURLOPT_BUFFERSIZE, 512L << 10U);  // NOLINT(*-vararg)
    curl_easy_setopt(handle.get(), CURLOPT_FAILONERROR, 1L);          // NOLINT(*-vararg)
    const CURLcode code = curl_easy_perform(handle.get());
    require(code == CURLE_OK, curl_easy_strerror(code));
}

void sha256(std::span<const char> bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    require(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1, "sha256");
}

void zstd(std::span<const char> bytes) {
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), &ZSTD_freeDCtx};
    std::vector<char> piece(kPiece);
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (in.pos < in.size) {
        ZSTD_outBuffer out{piece.data(), piece.size(), 0};
        require(ZSTD_isError(ZSTD_decompressStream(context.get(), &out, &in)) == 0, "zstd");
    }
}

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;

/// Walks an archive in memory; `take` gets every block of its members.
void walk(archive* reader, std::span<const char> bytes, const std::function<void(archive_entry*)>& begin,
          const std::function<void(std::span<const char>)>& take) {
    require(archive_read_open_memory(reader, bytes.data(), bytes.size()) == ARCHIVE_OK, "the archive cannot be read");
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
        begin(entry);
        const void* data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        int answer = ARCHIVE_OK;
        while ((answer = archive_read_data_block(reader, &data, &size, &offset)) == ARCHIVE_OK)
            take({static_cast<const char*>(data), size});
        require(answer == ARCHIVE_EOF, "the archive is malformed");
    }
}

/// The fastest that a distribution packages: ISA-L, for which gzip's members are one after another.
void gzip(std::span<const char> bytes) {
    constexpr std::size_t kMostInput = 1U << 30U;
    const auto state = std::make_unique<inflate_state>();
    isal_inflate_init(state.get());
    state->crc_flag = ISAL_GZIP;
    std::vector<unsigned char> piece(kPiece);
    while (!bytes.empty() || state->avail_in != 0) {
        if (state->avail_in == 0) {
            const auto part = bytes.first(std::min(bytes.size(), kMostInput));
            state->next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(part.data()));  // NOLINT(*-cast)
            state->avail_in = static_cast<std::uint32_t>(part.size());
            bytes = bytes.subspan(part.size());
        }
        if (state->block_state == ISAL_BLOCK_FINISH) isal_inflate_reset(state.get());
        state->next_out = piece.data();
        state->avail_out = static_cast<std::uint32_t>(piece.size());
        require(isal_inflate(state.get()) == ISAL_DECOMP_OK, "gzip");
    }
}

/// Files are written with early writeback and synced one by one at the end: what a durable install cannot do without.
class TreeOfFiles {
public:
    explicit TreeOfFiles(std::filesystem::path top) : top_{std::move(top)} {}

    void begin(archive_entry* entry) {
        const std::filesystem::path path = top_ / archive_entry_pathname(entry);
        file_ = -1;
        if (archive_entry_filetype(entry) == AE_IFDIR) std::filesystem::create_directories(path);
        if (archive_entry_filetype(entry) == AE_IFLNK)
            std::filesystem::create_symlink(archive_entry_symlink(entry), path);
        if (archive_entry_filetype(entry) != AE_IFREG) return;
        file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        require(file_ >= 0, path.string() + " cannot be made");
        files_.push_back(file_);
        written_ = flushed_ = 0;
    }

    void take(std::span<const char> bytes) {
        require(::write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "write");
        written_ += bytes.size();
        if (written_ - flushed_ < kFlush) return;
        sync_file_range(file_, static_cast<off_t>(flushed_), static_cast<off_t>(written_ - flushed_),
                        SYNC_FILE_RANGE_WRITE);
        flushed_ = written_;
    }

    void finish() const {
        for (const int file : files_) require(fsync(file) == 0 && ::close(file) == 0, "sync");
    }

private:
    std::filesystem::path top_;
    std::vector<int> files_;
    int file_ = -1;
    std::uint64_t written_ = 0;
    std::uint64_t flushed_ = 0;
};

void write_tree(std::span<const char> tar, const char* directory) {
    const Reader reader{archive_read_new(), &archive_read_free};
    archive_read_support_format_tar(reader.get());
    TreeOfFiles tree{directory};
    walk(
        reader.get(), tar, [&](archive_entry* entry) { tree.begin(entry); },
        [&](std::span<const char> bytes) {
            while (!bytes.empty()) {
                const std::size_t part = std::min(bytes.size(), kPiece);
                tree.take(bytes.first(part));
                bytes = bytes.subspan(part);
            }
        });
    tree.finish();
}

double cpu_of(const rusage& used) {
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double cpu_now() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return cpu_of(used);
}

double seconds_since(std::chrono::steady_clock::time_point begun) {
    return std::chrono::duration<double>{std::chrono::steady_clock::now() - begun}.count();
}

void timed(const std::function<void()>& stage) {
    const double cpu = cpu_now();
    const auto begun = std::chrono::steady_clock::now();
    stage();
    fmt::print("{{\"wall\": {:.6f}, \"cpu\": {:.6f}}}\n", seconds_since(begun), cpu_now() - cpu);
}

/// Runs `command`. @return its exit status, as a shell gives it
int cost(const std::string& result, std::span<char*> command) {
    const auto begun = std::chrono::steady_clock::now();
    const pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        execvp(command[0], command.data());
        _exit(127);
    }
    int status = 0;
    rusage used{};
    require(wait4(child, &status, 0, &used) == child, "wait4");
    const double wall = seconds_since(begun);
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> file{std::fopen(result.c_str(), "we"), &std::fclose};
    require(file != nullptr, result + " cannot be written");
    fmt::print(file.get(), "{{\"wall\": {:.6f}, \"cpu\": {:.6f}, \"peak_kib\": {}}}\n", wall, cpu_of(used),
               used.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run(std::span<char*> raw) {
    const std::vector<std::string> words{raw.begin(), raw.end() - 1};  // without the NULL that ends them
    const std::string stage = words.size() > 2 ? words[1] : "";
    if (stage == "cost" && words.size() > 3) return cost(words[2], raw.subspan(3));
    if (stage == "get") {
        timed([&] { get(words[2]); });
        return 0;
    }
    if (stage == "write" && words.size() == 4) {
        const Mapped tar{words[2]};
        timed([&] { write_tree(tar.bytes(), words[3].c_str()); });
        return 0;
    }
    void (*const run_stage)(std::span<const char>) = stage == "sha256" ? &sha256
                                                     : stage == "zstd" ? &zstd
                                                     : stage == "gzip" ? &gzip
                                                                       : nullptr;
    require(run_stage != nullptr, "usage: bench_stages get URL | sha256 FILE | zstd FILE | gzip FILE | write TAR DIR");
    const Mapped file{words[2]};
    timed([&] { run_stage(file.bytes()); });
    return 0;
}

}  // namespace

int main(int count, char** words) {
    try {
        return run({words, static_cast<std::size_t>(count) + 1});
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench_stages: {}\n", error.what());
        return 1;
    }
}
