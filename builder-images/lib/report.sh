# shellcheck shell=bash
# Progress and failure lines on stderr, with the time since the command began: to be sourced.
# Set report_name first: it begins every line.

report_started=${EPOCHREALTIME/[.,]/}

elapsed() {
    local tenths=$(((${EPOCHREALTIME/[.,]/} - report_started) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

say() { printf '%s: [%6ss] %s\n' "${report_name:-build}" "$(elapsed)" "$*" >&2; }

die() {
    printf '%s: error: %s\n' "${report_name:-build}" "$*" >&2
    exit 1
}

# Wrong use of the command: exit 2.
die_usage() {
    printf '%s: %s; see --help\n' "${report_name:-build}" "$*" >&2
    exit 2
}
