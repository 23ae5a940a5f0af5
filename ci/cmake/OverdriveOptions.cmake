# One target that carries the language level, the warnings and the hardening for every target of ours.
include(CTest)

add_library(overdrive_options INTERFACE)
add_library(overdrive::options ALIAS overdrive_options)

target_compile_features(overdrive_options INTERFACE cxx_std_20)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

target_compile_options(overdrive_options INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wformat=2 -Wundef -Wcast-qual -Wnull-dereference
    $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual>
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wsuggest-override>
    $<$<CXX_COMPILER_ID:Clang>:-Wno-zero-length-array>  # linux/fiemap.h: a flexible array at the end of a value
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op>
    $<$<BOOL:${OVERDRIVE_WERROR}>:-Werror>
    -fstack-protector-strong)
target_compile_definitions(overdrive_options INTERFACE _GLIBCXX_ASSERTIONS)
# FORTIFY needs optimisation; the sanitizers replace it.
if(NOT OVERDRIVE_SANITIZE)
    target_compile_options(overdrive_options INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()
target_link_options(overdrive_options INTERFACE -Wl,-z,relro,-z,now)

if(OVERDRIVE_SANITIZE)
    target_compile_options(overdrive_options INTERFACE -fsanitize=${OVERDRIVE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(overdrive_options INTERFACE -fsanitize=${OVERDRIVE_SANITIZE})
endif()
if(OVERDRIVE_FUZZ)
    # The counters of llvm-cov too: ci/fuzz tells how much of each reader was reached.
    target_compile_options(overdrive_options INTERFACE -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)
    target_link_options(overdrive_options INTERFACE -fsanitize=fuzzer-no-link -fprofile-instr-generate)
endif()
if(OVERDRIVE_COVERAGE)
    target_compile_options(overdrive_options INTERFACE --coverage)
    target_link_options(overdrive_options INTERFACE --coverage)
endif()

find_program(OVERDRIVE_CCACHE ccache)
if(OVERDRIVE_CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${OVERDRIVE_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${OVERDRIVE_CCACHE})
endif()
