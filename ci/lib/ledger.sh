# shellcheck shell=bash
# The ledger of a build: every file from outside that went into it, so that SBOM and provenance can name them: to be
# sourced. Nothing is written unless OVERDRIVE_LEDGER names a file.
#
#   ledger_note NAME VERSION ARCHITECTURE SHA256 LOCATION LICENCES
#       one line, tab-separated. LOCATION is a URL, or the path in Debian's archive (pool/...), no mirror's name.
#       LICENCES are the short names of Debian's copyright file, with commas; `-` stands for what is not known.
#   ledger_note_deb FILE SHA256 LOCATION
#       a package file; the rest is read from it
#   ledger_take LEDGER TREE
#       the lines of another ledger, whose packages are unpacked in TREE: their licences are read there

# What is being unpacked anyway is not unpacked for its licence alone.
ledger_licences_later=""

ledger_note() { [ -z "${OVERDRIVE_LEDGER:-}" ] || (IFS=$'\t' && echo "$*" >>"$OVERDRIVE_LEDGER"); }

# Packages whose copyright is in Debian's machine-readable form tell their licences by short names.
ledger_short_names() { sed -n 's/^License: *\([^ ]*\).*/\1/p' | sort -u | paste -sd, | grep . || echo -; }

ledger_licences() {
    [ -z "$ledger_licences_later" ] || { echo - && return; }
    dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards './usr/share/doc/*/copyright' 2>/dev/null | ledger_short_names
}

ledger_note_deb() {
    [ -n "${OVERDRIVE_LEDGER:-}" ] || return 0
    local name version architecture
    # shellcheck disable=SC2016
    IFS='|' read -r name version architecture < <(dpkg-deb --show --showformat '${Package}|${Version}|${Architecture}\n' "$1")
    ledger_note "$name" "$version" "$architecture" "$2" "$3" "$(ledger_licences "$1")"
}

ledger_take() {
    local name version architecture sha256 location copyright
    while IFS=$'\t' read -r name version architecture sha256 location _; do
        copyright=$2/usr/share/doc/$name/copyright
        [ -f "$copyright" ] || copyright=/dev/null
        ledger_note "$name" "$version" "$architecture" "$sha256" "$location" "$(ledger_short_names <"$copyright")"
    done <"$1"
}
