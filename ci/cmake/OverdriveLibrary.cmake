# overdrive_library(NAME SOURCES ... [PUBLIC ...] [PRIVATE ...]): the static library of one folder.
# Headers are included from the folder above ("model/digest.hpp"), or from the top ("overlay/mount_table.hpp").
function(overdrive_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
    add_library(overdrive_${name} STATIC ${ARG_SOURCES})
    add_library(overdrive::${name} ALIAS overdrive_${name})
    target_include_directories(overdrive_${name} PUBLIC ${PROJECT_SOURCE_DIR}/installer ${PROJECT_SOURCE_DIR})
    target_link_libraries(overdrive_${name} PUBLIC ${ARG_PUBLIC} PRIVATE overdrive::options ${ARG_PRIVATE})
    # What every byte of a driver goes through is made fast; everything else runs a few times a command and is made small,
    # which also compiles sooner.
    if(NOT name MATCHES "^(archive|registry|store|support|trust)$")
        target_compile_options(overdrive_${name} PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-Os>)
    endif()
endfunction()

# overdrive_test(NAME LABEL SOURCES ... [LINK ...]): one GoogleTest program; every case becomes a ctest entry.
function(overdrive_test name label)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PROPERTIES" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE overdrive::options GTest::gmock GTest::gtest_main ${ARG_LINK})
    # What is tested is optimised as it ships; optimising the tests as well takes as long again as compiling them.
    # FORTIFY needs optimisation.
    target_compile_options(${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0 -U_FORTIFY_SOURCE>)
    gtest_discover_tests(${name} TEST_PREFIX "${label}." PROPERTIES LABELS ${label} TIMEOUT 120 ${ARG_PROPERTIES})
endfunction()
