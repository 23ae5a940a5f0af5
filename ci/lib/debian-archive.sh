# shellcheck shell=bash
# Packages from Debian's archive without touching the machine's own apt: to be sourced.
#
# A private apt lives in build/archive/ (lists, cache, pool). Its sources are the sites that the machine
# itself uses, with more components and suites: bookworm, -updates, -security, -backports and trixie.
# Nothing is ever installed; packages are downloaded, checked by apt, and unpacked with dpkg-deb.
#
#   archive_update                    fetch the package lists, at most once an hour
#   archive_versions PKG              "VERSION SUITE" for each listed version, newest first
#   archive_packages REGEX            names of the listed packages that match
#   archive_source_packages SRC VER   names of the packages of that version that were built from a source package
#   archive_fetch DIR PKG[=VER]...    the .deb files in DIR (hard links into the pool)
#   archive_unpack DIR PKG[=VER]...   the same packages unpacked over each other in DIR
#   archive_extract DIR SUITE PKG,...   packages of any suite with all they depend on, unpacked as a root in DIR
#   archive_kernels FLAVOUR [SERIES]  kernel releases with image and headers listed, newest last
#   archive_kernel_image RELEASE      name of the package that holds that kernel's image
#   archive_fetch_kernel DIR RELEASE  image package of a kernel release
#   archive_fetch_headers DIR RELEASE headers of a kernel release with all that building a module needs
#   archive_sources                   the apt source lines, e.g. for mmdebstrap
#   archive_indices                   "SUITE COMPONENT FILE" for each list of packages (Packages, not compressed)
# What is fetched is noted in the ledger of the build (ledger.sh), if there is one.
#
# OVERDRIVE_ARCHIVE_ARCHITECTURE (Debian's word, such as arm64) is for looking at another architecture's packages; its
# private apt lies in build/archive-ARCHITECTURE/.

archive_release=bookworm
archive_next_release=trixie
archive_components="main contrib non-free non-free-firmware"
archive_architecture=${OVERDRIVE_ARCHIVE_ARCHITECTURE:-$(dpkg --print-architecture)}
archive_dir=${OVERDRIVE_ARCHIVE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/archive}
[ "$archive_architecture" = "$(dpkg --print-architecture)" ] || archive_dir+=-$archive_architecture
archive_max_age_minutes=60

# shellcheck source=ci/lib/ledger.sh
. "$(dirname "${BASH_SOURCE[0]}")/ledger.sh"

archive_die() {
    echo "debian-archive: $*" >&2
    exit 1
}

# Prints the site that the machine's apt uses for the suites matching the regular expression $1.
archive_site() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' |
        awk -v suite="^($1)\$" '$2 ~ suite { print $1; exit }'
}

archive_sources() {
    local main security line
    main=$(archive_site "$archive_release|$archive_release-updates")
    security=$(archive_site "$archive_release-security|$archive_release/updates")
    [ -n "$main" ] || archive_die "this machine's apt has no source for $archive_release;" \
        "add one to /etc/apt/sources.list.d (see 'apt-get indextargets')"
    for line in "$main $archive_release" "$main $archive_release-updates" "$main $archive_release-backports" \
        "${security:+$security $archive_release-security}" "$main $archive_next_release"; do
        [ -z "$line" ] || echo "deb [arch=$archive_architecture] $line $archive_components"
    done
}

# Runs an apt program with the private state. The machine's proxy, TLS and trust settings stay in force.
archive_apt() {
    local program=$1
    shift
    "$program" -o Dir::Etc::sourcelist="$archive_dir/sources.list" -o Dir::Etc::sourceparts="$archive_dir/empty" \
        -o APT::Architecture="$archive_architecture" -o APT::Architectures="$archive_architecture" \
        -o Dir::Etc::preferences="$archive_dir/preferences" -o Dir::Etc::preferencesparts="$archive_dir/empty" \
        -o Dir::State::lists="$archive_dir/lists" -o Dir::State::status="$archive_dir/status" \
        -o Dir::Cache="$archive_dir/cache" -o Dir::Cache::pkgcache=pkgcache.bin \
        -o Dir::Cache::srcpkgcache=srcpkgcache.bin -o APT::Sandbox::User=root -o Acquire::Languages=none \
        -o Acquire::GzipIndexes=false -o Acquire::Retries=3 -o APT::Update::Post-Invoke::=true \
        -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

# Runs a command while no other process works on the private apt.
archive_locked() {
    local result=0
    mkdir -p "$archive_dir"
    exec {archive_lock}>"$archive_dir/lock"
    flock -w 900 "$archive_lock" || archive_die "another process has held $archive_dir/lock for 15 minutes"
    "$@" || result=$?
    exec {archive_lock}>&-
    return "$result"
}

# True when the lists are young enough and the machine's own sources have not changed since.
archive_is_fresh() {
    local stamp=$archive_dir/updated
    [ -n "$(find "$stamp" -mmin "-$archive_max_age_minutes" 2>/dev/null)" ] &&
        [ -z "$(find /etc/apt -newer "$stamp" -print -quit 2>/dev/null)" ]
}

archive_update_locked() {
    local log=$archive_dir/update.log
    ! archive_is_fresh || return 0
    mkdir -p "$archive_dir"/{lists/partial,cache/archives/partial,pool,empty}
    archive_sources >"$archive_dir/sources.list"
    printf 'Package: *\nPin: release n=%s\nPin-Priority: 100\n' "$archive_next_release" >"$archive_dir/preferences"
    : >"$archive_dir/status"
    archive_apt apt-get -q update >"$log" 2>&1 || archive_die "apt-get update failed: $(grep -m1 '^E:' "$log"); see $log"
    touch "$archive_dir/updated"
}

archive_update() { archive_locked archive_update_locked; }

archive_versions() {
    archive_update
    archive_apt apt-cache madison "$1" 2>/dev/null |
        awk -F' *[|] *' '{ split($3, where, " "); sub("/.*", "", where[2]); print $2, where[2] }' |
        sort -u | sort -k1,1 -V -r
}

archive_indices() {
    archive_update
    # shellcheck disable=SC2016 # apt fills them in
    archive_apt apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(FILENAME)' 'Created-By: Packages'
}

archive_packages() {
    archive_update
    archive_apt apt-cache pkgnames | grep -E -x -- "$1" | sort -V || true
}

archive_source_packages() {
    archive_update
    awk -v want="$1" -v version="$2" 'BEGIN { RS = ""; FS = "\n" }
        { name = source = listed = ""
          for (i = 1; i <= NF; i++) {
              if ($i ~ /^Package: /) name = substr($i, 10)
              if ($i ~ /^Source: /) { source = substr($i, 9); sub(/ .*/, "", source) }
              if ($i ~ /^Version: /) listed = substr($i, 10)
          }
          if (source == "") source = name
          if (source == want && listed == version) print name }' "$archive_dir"/lists/*_Packages | sort -u
}

archive_fetch_locked() {
    local dir=$1 log=$archive_dir/fetch.log uris uri file digest
    shift
    mkdir -p "$dir"
    # Asked from an empty directory: apt leaves out what already lies in the current one.
    uris=$(cd "$archive_dir/empty" && archive_apt apt-get -q --print-uris download "$@" 2>"$log") ||
        archive_die "the archive does not list what was asked for ($*): $(grep -m1 '^E:' "$log")"
    # apt skips what is complete in the pool, by its checksum.
    (cd "$archive_dir/pool" && archive_apt apt-get -q download "$@") >"$log" 2>&1 ||
        archive_die "download failed ($*): $(grep -m1 '^E:' "$log"); see $log"
    while read -r uri file _ digest; do
        ln -f "$archive_dir/pool/$file" "$dir/$file" 2>/dev/null || cp "$archive_dir/pool/$file" "$dir/$file"
        uri=${uri//\'/}
        ledger_note_deb "$dir/$file" "${digest#SHA256:}" "pool/${uri##*/pool/}"
    done < <(grep "^'" <<<"$uris")
}

archive_fetch() {
    [ $# -ge 2 ] || archive_die "archive_fetch needs a directory and at least one package"
    archive_update
    archive_locked archive_fetch_locked "$@"
}

archive_unpack() {
    local dir=$1 debs deb
    shift
    archive_update # also makes $archive_dir
    # Each failure by hand: a caller that tests our status has switched errexit off.
    debs=$(mktemp -d "$archive_dir/unpack.XXXXXX") || archive_die "cannot make a directory in $archive_dir"
    OVERDRIVE_LEDGER=${OVERDRIVE_LEDGER:+$debs/ledger} ledger_licences_later=yes archive_fetch "$debs" "$@" ||
        archive_die "cannot fetch $*"
    mkdir -p "$dir"
    for deb in "$debs"/*.deb; do
        dpkg-deb -x "$deb" "$dir" || archive_die "cannot unpack $(basename "$deb") into $dir"
    done
    [ -z "${OVERDRIVE_LEDGER:-}" ] || ledger_take "$debs/ledger" "$dir"
    rm -r "$debs"
}

# No maintainer script is run. A mirror's copy of a moving suite may be days old, which is no fault here.
archive_extract() {
    local dir=$1 suite=$2 packages=$3 site
    site=$(archive_site "$archive_release|$archive_release-updates")
    [ -n "$site" ] || archive_die "this machine's apt has no source to take $suite from"
    rm -rf --one-file-system "$dir.new"
    mkdir -p "$(dirname "$dir")"
    mmdebstrap --quiet --variant=extract --architectures="$archive_architecture" --include="$packages" \
        --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$dir.new" "deb $site $suite main" >&2
    mv -T "$dir.new" "$dir"
}

# Kernel releases of one flavour (cloud-amd64, amd64, rt-amd64), newest last. SERIES keeps one series, such
# as 6.1. Releases of the next Debian are left out: their headers need its compiler and C library.
archive_kernels() {
    local flavour=$1 series=${2:-} headers images
    local version='[0-9]+\.[0-9]+(\.[0-9]+)?(-[0-9]+|\+deb12(\.[0-9]+)?)'
    headers=$(archive_packages "linux-headers-$version-$flavour" | sed 's/^linux-headers-//')
    images=$(archive_packages "linux-image-$version-$flavour(-unsigned)?" | sed 's/^linux-image-//; s/-unsigned$//' | sort -u)
    grep -F -x -f <(echo "$images") <<<"$headers" | grep -E "^${series//./\\.}${series:+[.-]}" | sort -V || true
}

archive_kernel_image() {
    archive_packages "linux-image-${1//[.+]/[.+]}(-unsigned)?" | sed -n 1p | grep . ||
        archive_die "the archive lists no kernel $1; 'archive_kernels FLAVOUR' prints those it has"
}

archive_fetch_kernel() { archive_fetch "$1" "$(archive_kernel_image "$2")"; }

# The flavour's headers, the headers common to all flavours, and the programs of Kbuild, in matching versions.
archive_fetch_headers() {
    local dir=$1 release=$2 deb
    local -a needed
    archive_fetch "$dir" "linux-headers-$release"
    deb=$(echo "$dir/linux-headers-${release}_"*.deb)
    mapfile -t needed < <(dpkg-deb -f "$deb" Depends | tr ',' '\n' |
        sed -nE 's/^ *(linux-(headers|kbuild)-[^ ]+)( \(= ([^)]+)\))?.*/\1=\4/p' | sed 's/=$//')
    archive_fetch "$dir" "${needed[@]}"
}
