# shellcheck shell=bash disable=SC2030,SC2031,SC2154,SC2317
# Source packages from Debian's archive without touching the machine's own apt: to be sourced after debian-archive.sh.
#
#   source_versions PKG RELEASE        versions that RELEASE lists, with its updates and security fixes, newest first
#   source_unpack DIR PKG VER [bare]   DIR is the source tree of that version with Debian's patches; bare: as its authors
#                                      published it, without them (for what the archive lists, but no longer has)
#
# A private apt of its own in build/archive/sources: its lists are of no use to anybody else. What a source package
# consists of, with checksums, is what the signed lists say; every file is fetched by apt and checked against them.

: "${archive_dir:?source ci/lib/debian-archive.sh before debian-sources.sh}"

# Runs a command of debian-archive.sh on the private apt for sources.
source_apart() (
    archive_dir+=/sources
    archive_sources() {
        local main security
        main=$(archive_site "$archive_release|$archive_release-updates")
        security=$(archive_site "$archive_release-security|$archive_release/updates")
        printf 'deb-src %s main\n' "$main $archive_release" "$main $archive_release-updates" \
            ${security:+"$security $archive_release-security"} "$main $archive_next_release"
    }
    "$@"
)

# Without the network the lists of last time must do.
source_update() {
    (source_apart archive_update) || {
        [ -n "$(find "$archive_dir/sources/lists" -name '*_Sources' -print -quit 2>/dev/null)" ] || return 1
        echo "debian-sources: going by the lists of last time" >&2
    }
}

# "SITE FILE" of each list of source packages of a release.
source_lists() {
    # shellcheck disable=SC2016 # apt fills them in
    source_apart archive_apt apt-get indextargets --format '$(RELEASE) $(SITE) $(FILENAME)' 'Created-By: Sources' |
        awk -v release="$1" '$1 ~ "^" release "(-|/|$)" { print $2, $3 }'
}

# "VERSION SHA256 URL" for each file of each version of a source package that a release lists.
source_files() {
    local site list
    while read -r site list; do
        awk -v want="$1" -v site="$site" 'BEGIN { RS = ""; FS = "\n" }
            { name = version = directory = ""; files = 0; reading = 0
              for (i = 1; i <= NF; i++) {
                  if ($i !~ /^ /) reading = $i ~ /^Checksums-Sha256:/
                  else if (reading) { split($i, part, " "); sum[files] = part[1]; file[files++] = part[3] }
                  if ($i ~ /^Package: /) name = substr($i, 10)
                  if ($i ~ /^Version: /) version = substr($i, 10)
                  if ($i ~ /^Directory: /) directory = substr($i, 12)
              }
              if (name == want)
                  for (i = 0; i < files; i++) print version, sum[i], site "/" directory "/" file[i] }' "$list"
    done < <(source_lists "$2")
}

source_versions() {
    source_update || return 1
    source_files "$1" "$2" | cut -d' ' -f1 | sort -u -V -r
}

source_fetch_one() {
    local sha256=$1 url=$2 file=$3 log=$archive_dir/sources/fetch.log
    source_apart archive_apt /usr/lib/apt/apt-helper download-file "$url" "$file" "SHA256:$sha256" >"$log" 2>&1 || {
        echo "debian-sources: cannot fetch $(basename "$url"): $(grep -m1 '^E:' "$log")" >&2
        return 1
    }
}

source_unpack() {
    local dir=$1 package=$2 version=$3 bare=${4:-} release sha256 url staging=$1.fetch
    rm -rf "$dir" "$staging"
    mkdir -p "$staging"
    for release in "$archive_release" "$archive_next_release"; do
        while read -r _ sha256 url; do
            [ -z "$bare" ] || [[ $url = *.orig.tar.?z ]] || continue
            [ -f "$staging/${url##*/}" ] || source_fetch_one "$sha256" "$url" "$staging/${url##*/}" || return 1
        done < <(source_files "$package" "$release" | awk -v version="$version" '$1 == version')
    done
    if [ -n "$bare" ]; then
        mkdir "$dir"
        tar -xf "$staging"/*.orig.tar.?z -C "$dir" --strip-components=1 || return 1
    else
        dpkg-source --extract "$staging"/*.dsc "$dir" >"$staging/log" 2>&1 ||
            { cat "$staging/log" >&2 && return 1; }
    fi
    rm -rf "$staging"
}
