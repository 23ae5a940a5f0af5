# shellcheck shell=bash
# Rules for the user-space tree of a driver, whatever it was made from: to be sourced after report.sh.
#
#   runs_with_limit FILE                      true when an ELF file runs with the oldest C library of a node
#   collect_needed FILE FROM TO LOADER        copies into TO what FILE needs from the tree FROM, and what that needs in turn
#   set_modes TREE                            the modes that the artifact wants
#   check_tree TREE                           refuses a newer C library, a link out of the tree, a link to nothing

# The oldest C library that the result must run with.
glibc_limit=2.36

# Prints the newest C library version that an ELF file asks for. readelf reads every architecture, objdump its own.
needed_glibc() {
    { readelf --wide --version-info "$1" 2>/dev/null | grep -oE 'Name: GLIBC_[0-9.]+' || echo GLIBC_2.0; } |
        sed 's/.*GLIBC_//' | sort -V | tail -n 1
}

runs_with_limit() { [ "$(printf '%s\n' "$glibc_limit" "$(needed_glibc "$1")" | sort -V | tail -n 1)" = "$glibc_limit" ]; }

needed_libraries() { readelf --wide --dynamic "$1" 2>/dev/null | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'; }

collect_needed() {
    local name found base="^(libc|libm|libdl|libpthread|librt|libresolv)\\.so\\.[0-9]+$|^${4//./\\.}$"
    while read -r name; do
        if [[ $name =~ $base ]] || [ -e "$3/$name" ]; then continue; fi
        found=$(find "$2" -name "$name" -print -quit)
        [ -n "$found" ] || { say "$(basename "$1") needs $name, which is not there" && return 1; }
        install -D -m 0644 "$(readlink -f "$found")" "$3/$name" || return 1
        collect_needed "$3/$name" "$2" "$3" "$4" || return 1
    done < <(needed_libraries "$1")
}

set_modes() {
    find "$1" -type d -exec chmod 0755 {} +
    find "$1" -type f ! -path "$1/bin/*" ! -path "$1/sbin/*" -exec chmod 0644 {} +
}

check_tree() {
    local file target
    while read -r file; do
        runs_with_limit "$file" || die "$(basename "$file") needs the C library $(needed_glibc "$file"); the limit is $glibc_limit"
    done < <(find "$1/bin" "$1/sbin" "$1/lib64" "$1/lib/persistenced" -type f ! -name '*.sh' ! -name '*.dll' 2>/dev/null)
    while read -r file; do
        target=$(readlink "$file")
        [[ $target != /* ]] || die "${file#"$1"/} is an absolute link to $target"
        [ -e "$file" ] || die "${file#"$1"/} is a link to $target, which is not there"
    done < <(find "$1" -type l)
}
