# shellcheck shell=bash
# Progress and failure lines on stderr, with the time since the command began: to be sourced.
# Set report_name first: it begins every line.
#
# Exit statuses of every command here, so that a pipeline can say which step a cell broke in:
#   0 done   1 failed otherwise   2 wrong use   3 an input is missing or is not what its pin says
#   4 the driver does not compile for the kernel   5 the modules are not good for the kernel   6 packing or pushing failed

# shellcheck disable=SC2034 # for those who source this
exit_input=3 exit_compile=4 exit_judged=5 exit_publish=6

report_started=${EPOCHREALTIME/[.,]/}

elapsed() {
    local tenths=$(((${EPOCHREALTIME/[.,]/} - report_started) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

say() { printf '%s: [%6ss] %s\n' "${report_name:-build}" "$(elapsed)" "$*" >&2; }

# die_as STATUS WORD...: the last line on stderr says what failed.
die_as() {
    local status=$1
    shift
    printf '%s: error: %s\n' "${report_name:-build}" "$*" >&2
    exit "$status"
}

die() { die_as 1 "$@"; }

# An input that is missing or is not what its pin says.
die_input() { die_as "$exit_input" "inputs: $*"; }

# Wrong use of the command: exit 2.
die_usage() {
    printf '%s: %s; see --help\n' "${report_name:-build}" "$*" >&2
    exit 2
}
