#include "hook/cuda_compat.hpp"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>

#include "hook/elf_file.hpp"
#include "support/error.hpp"
#include "unit/hook/container_tree.hpp"

namespace overdrive {
namespace {

constexpr std::string_view kSection = ".note.cuda.fwd_compatibility";
constexpr const char* kCompat = "/usr/local/cuda/compat";

void append(std::string& to, const void* bytes, std::size_t size) { to.append(static_cast<const char*>(bytes), size); }

/// The smallest ELF file with one note section.
std::string library_with_note(const std::string& owner, const std::string& description) {
    std::string note;
    const Elf64_Nhdr header{static_cast<Elf64_Word>(owner.size() + 1), static_cast<Elf64_Word>(description.size()), 1};
    append(note, &header, sizeof header);
    note += owner + '\0';
    note.resize((note.size() + 3) / 4 * 4);
    note += description;
    const std::string names = std::string{'\0'} + std::string{kSection} + '\0';

    Elf64_Ehdr elf{};
    std::memcpy(elf.e_ident, ELFMAG, SELFMAG);
    elf.e_ident[EI_CLASS] = ELFCLASS64;
    elf.e_ident[EI_DATA] = ELFDATA2LSB;
    elf.e_type = ET_DYN;
    elf.e_shentsize = sizeof(Elf64_Shdr);
    elf.e_phentsize = sizeof(Elf64_Phdr);
    elf.e_shnum = 3;
    elf.e_shstrndx = 2;
    elf.e_shoff = sizeof elf + note.size() + names.size();
    Elf64_Shdr sections[3]{};
    sections[1].sh_name = 1;
    sections[1].sh_type = SHT_NOTE;
    sections[1].sh_offset = sizeof elf;
    sections[1].sh_size = note.size();
    sections[1].sh_addralign = 4;
    sections[2].sh_type = SHT_STRTAB;
    sections[2].sh_offset = sizeof elf + note.size();
    sections[2].sh_size = names.size();
    std::string file;
    append(file, &elf, sizeof elf);
    file += note + names;
    append(file, sections, sizeof sections);
    return file;
}

std::string nvidia_library(const std::string& json) { return library_with_note("NVIDIA Corporation", json); }

/// A container with one compatibility library.
struct CompatTree : ContainerTree {
    explicit CompatTree(const std::string& version, const std::string& content = "") {
        write("usr/local/cuda/compat/libcuda.so." + version, content);
        write("usr/local/cuda/compat/libcuda.so.1", "not counted");
    }
    [[nodiscard]] std::optional<std::string> folder(const CudaHost& host) {
        return cuda_compat_folder(root(), kCompat, host, [this](const std::string& text) { warning = text; });
    }
    std::string warning;
};

TEST(CudaCompat, ANewerBranchThanTheHostsIsUsed) {
    EXPECT_EQ(CompatTree{"560.35.05"}.folder({"550.54.15", ""}), kCompat);
    EXPECT_EQ(CompatTree{"100.1"}.folder({"99.9", ""}), kCompat);  // as numbers, not as text
    for (const char* host : {"560.28.03", "570.1", "", "nonsense", "550."})
        EXPECT_EQ(CompatTree{"560.35.05"}.folder({host, ""}), std::nullopt);
}

TEST(CudaCompat, TheNoteOfTheLibraryDecides) {
    const std::string library = nvidia_library(R"({"Format":1,"CUDA Version":"12.9","Driver":[550,575],"Device":[1]})");
    EXPECT_EQ(CompatTree("575.57.08", library).folder({"550.1", ""}), kCompat);
    EXPECT_EQ(CompatTree("575.57.08", library).folder({"575.57.07", ""}), kCompat);      // newer of the same branch
    EXPECT_EQ(CompatTree("575.57.08", library).folder({"575.57.8", ""}), std::nullopt);  // the same
    EXPECT_EQ(CompatTree("575.57.08", library).folder({"560.1", ""}), std::nullopt);  // a branch it does not work with
    EXPECT_EQ(CompatTree("575.57.08", library).folder({"", "12.8"}), kCompat);
    EXPECT_EQ(CompatTree("575.57.08", library).folder({"", "12.10"}), std::nullopt);
    EXPECT_EQ(CompatTree("575.57.08", library).folder({"", ""}), std::nullopt);
}

TEST(CudaCompat, ANoteBySomebodyElseOrADamagedOneIsNotBelieved) {
    EXPECT_EQ(CompatTree("575.1", library_with_note("Somebody", R"({"Driver":[550]})")).folder({"580.1", ""}),
              std::nullopt);
    CompatTree broken{"575.1", nvidia_library("{")};
    EXPECT_EQ(broken.folder({"550.1", ""}), std::nullopt);
    EXPECT_NE(broken.warning.find("note of compatibility"), std::string::npos);
}

TEST(CudaCompat, TwoLibrariesAreToldAndNotUsed) {
    CompatTree tree{"560.1"};
    tree.write("usr/local/cuda/compat/libcuda.so.570.1", "");
    EXPECT_EQ(tree.folder({"550.1", ""}), std::nullopt);
    EXPECT_NE(tree.warning.find("2 files"), std::string::npos);
}

TEST(CudaCompat, LinksAreFollowedInTheContainerAndTheRealPlaceIsNamed) {
    ContainerTree tree;
    tree.write("etc/alternatives/cuda/compat/libcuda.so.560.1", "");
    tree.link("usr/local/cuda", "/etc/alternatives/cuda");
    const auto ignore = [](const std::string&) {};
    enable_cuda_compat(tree.root(), kCompat, {"550.1", ""}, ignore);
    enable_cuda_compat(tree.root(), kCompat, {"550.1", ""}, ignore);  // a restart of the container
    EXPECT_EQ(tree.drop_in("00-compat-"), "/etc/alternatives/cuda/compat\n");
}

TEST(CudaCompat, AFolderOfTheHostIsNotLookedInto) {
    ContainerTree tree;
    std::filesystem::create_directories(tree.host() / "compat");
    std::ofstream{tree.host() / "compat/libcuda.so.560.1"} << "";
    tree.link("usr/local/cuda", tree.host());
    EXPECT_EQ(cuda_compat_folder(tree.root(), kCompat, {"550.1", ""}, [](const std::string&) {}), std::nullopt);
}

TEST(ElfFiles, EveryCutOfALibraryIsReadWithoutHarm) {
    const std::string whole = nvidia_library(R"({"Driver":[550]})");
    const ContainerTree tree;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        tree.write("cut", whole.substr(0, size));
        const auto file = tree.root().open_regular("/cut");
        EXPECT_EQ(elf_note(file->get(), kSection, "NVIDIA Corporation"), std::nullopt) << size;
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(0xff);
        tree.write("cut", damaged);
        static_cast<void>(elf_note(tree.root().open_regular("/cut")->get(), kSection, "NVIDIA Corporation"));
    }
}

TEST(ElfFiles, AScriptAndADynamicProgramAreNotStatic) {
    const UniqueFd script{::openat(AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC)};
    EXPECT_FALSE(is_static_program(script.get()));
    const UniqueFd self{::openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC)};
    EXPECT_FALSE(is_static_program(self.get()));
    const UniqueFd ldconfig{::openat(AT_FDCWD, "/sbin/ldconfig", O_RDONLY | O_CLOEXEC)};
    EXPECT_TRUE(is_static_program(ldconfig.get()));
}

}  // namespace
}  // namespace overdrive
