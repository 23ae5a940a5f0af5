# shellcheck shell=bash
# Names of architectures, from the table beside this file: to be sourced after report.sh.
#
#   architecture_field MACHINE COLUMN   what the party of that column calls the architecture that `uname -m` calls MACHINE
#   architectures                       the machines in the table

architectures_table=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/architectures

architectures() { awk '!/^#/ && $1 != "machine" { print $1 }' "$architectures_table"; }

architecture_field() {
    awk -v machine="$1" -v column="$2" '
        /^#/ { next }
        $1 == "machine" { for (i = 1; i <= NF; i++) if ($i == column) at = i; next }
        $1 == machine && at { print $at; found = 1 }
        END { exit !found }' "$architectures_table" ||
        die_usage "architecture '$1' is not one of: $(architectures | tr '\n' ' ')"
}
