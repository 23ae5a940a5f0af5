# OVERDRIVE_BUILD_TIME: seconds since the epoch, the same for every build of the same sources: SOURCE_DATE_EPOCH, else
# the date of the commit, else (sources without either) the newest date that was known when this was written.
set(OVERDRIVE_BUILD_TIME 1735689600)
if(DEFINED ENV{SOURCE_DATE_EPOCH})
    set(OVERDRIVE_BUILD_TIME $ENV{SOURCE_DATE_EPOCH})
else()
    execute_process(COMMAND git log -1 --format=%ct WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} RESULT_VARIABLE git_failed
        OUTPUT_VARIABLE commit_time OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT git_failed)
        set(OVERDRIVE_BUILD_TIME ${commit_time})
    endif()
endif()
if(NOT OVERDRIVE_BUILD_TIME MATCHES "^[0-9]+$")
    message(FATAL_ERROR "SOURCE_DATE_EPOCH must be a number of seconds, not '${OVERDRIVE_BUILD_TIME}'")
endif()
