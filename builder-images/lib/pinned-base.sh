# shellcheck shell=bash
# Base images that come from a registry, pinned by digest: to be sourced after report.sh and containers.sh.
#
#   pinned_base FOLDER RELEASE MACHINE   prints the reference that FOLDER/base-images pins for a release of the OS
#   toolchain_image FOLDER RELEASE MACHINE NAME
#       makes the image with the compiler of FOLDER/base.Containerfile on it, prints its reference. The one step that
#       reaches the network; packages are checked by the package manager, with the keys of the pinned image

pinned_base() {
    local pins=${OVERDRIVE_BASE_IMAGES:-$1/base-images} found
    found=$(awk -v release="$2" -v machine="$3" '!/^#/ && $1 == release && $2 == machine { print $3 }' "$pins")
    [[ $found =~ ^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$ ]] ||
        die_input "no base image of release $2 for $3 is pinned by digest in $pins${found:+ ($found is none)}; add the line" \
            "'$2 $3 IMAGE@sha256:...' (IMAGE is named at the top of that file; skopeo inspect prints its digest)"
    echo "$found"
}

toolchain_image() {
    local folder=$1 from reference
    from=$(pinned_base "$folder" "$2" "$3")
    reference=localhost/overdrive/$4-developer-base:$2-$({ echo "$from" && cat "$folder/base.Containerfile"; } | sha256sum | cut -c1-12)
    if ! container_engine image exists "$reference"; then
        say "making the base image from $from"
        container_engine build --network host --build-arg FROM="$from" --tag "$reference" --file "$folder/base.Containerfile" \
            "$folder" >&2 || die_input "the base image of $4 $2 could not be made from $from; the messages are above"
    fi
    echo "$reference"
}
