#!/usr/bin/env bash
# Our signatures and those of the openssl and cosign programs are each other's. Usage: signatures_test.sh ARTIFACT cosign|openssl
set -euo pipefail
artifact=$1 other=$2
# shellcheck source=tests/integration/artifact/case.sh
. "$(dirname "$0")/case.sh"
# shellcheck source=ci/lib/debian-archive.sh
. "$root/ci/lib/debian-archive.sh"

seq 5000 >"$work/driver.json"
cp "$work/driver.json" "$work/other.json"
echo >>"$work/other.json"

with_openssl() {
    local type options
    need openssl
    for type in ed25519 "EC -pkeyopt ec_paramgen_curve:P-256"; do
        # shellcheck disable=SC2086
        openssl genpkey -algorithm $type -out "$work/a.key" 2>/dev/null
        openssl pkey -in "$work/a.key" -pubout -out "$work/a.pub"
        options=(-rawin)
        [ "$type" = ed25519 ] || options+=(-digest sha256)
        rm -f "$work/driver.json.sig"

        claim "$type: openssl's signature is accepted"
        openssl pkeyutl -sign -inkey "$work/a.key" "${options[@]}" -in "$work/driver.json" -out "$work/raw"
        base64 -w 0 "$work/raw" >"$work/openssl.sig"
        must "$artifact" verify --key "$work/a.pub" --signature "$work/openssl.sig" "$work/driver.json"
        must_fail 8 "$artifact" verify --key "$work/a.pub" --signature "$work/openssl.sig" "$work/other.json"

        claim "$type: openssl accepts ours"
        must "$artifact" sign --key "$work/a.key" "$work/driver.json"
        base64 -d "$work/driver.json.sig" >"$work/raw"
        must openssl pkeyutl -verify -pubin -inkey "$work/a.pub" "${options[@]}" -in "$work/driver.json" -sigfile "$work/raw"
        must_fail 1 openssl pkeyutl -verify -pubin -inkey "$work/a.pub" "${options[@]}" -in "$work/other.json" -sigfile "$work/raw"
    done

    claim "openssl dgst, as people call it, accepts our P-256 signature"
    must openssl dgst -sha256 -verify "$work/a.pub" -signature "$work/raw" "$work/driver.json"
}

with_cosign() {
    local tools=$root/build/tools/cosign
    if [ ! -x "$tools/usr/bin/cosign" ]; then
        (archive_unpack "$tools.$$" cosign) >"$work/fetch.log" 2>&1 || skip "no cosign from the archive: $(tail -n 1 "$work/fetch.log")"
        rm -rf "$tools" && mv -T "$tools.$$" "$tools"
    fi
    cosign() { HOME=$work COSIGN_PASSWORD='' "$tools/usr/bin/cosign" "$@"; }
    # Nothing here may ask a transparency log or a time-stamp authority.
    (cd "$work" && cosign generate-key-pair) >"$work/said" 2>&1 || fail "generate-key-pair: $(cat "$work/said")"

    claim "cosign sign-blob's signature is accepted"
    must cosign sign-blob --yes --key "$work/cosign.key" --tlog-upload=false --output-signature "$work/cosign.sig" "$work/driver.json"
    must "$artifact" verify --key "$work/cosign.pub" --signature "$work/cosign.sig" "$work/driver.json"
    must_fail 8 "$artifact" verify --key "$work/cosign.pub" --signature "$work/cosign.sig" "$work/other.json"

    claim "cosign verify-blob accepts our P-256 signature"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/a.key" 2>/dev/null
    openssl pkey -in "$work/a.key" -pubout -out "$work/a.pub"
    must "$artifact" sign --key "$work/a.key" "$work/driver.json"
    must cosign verify-blob --key "$work/a.pub" --insecure-ignore-tlog=true --signature "$work/driver.json.sig" "$work/driver.json"
    must_fail 1 cosign verify-blob --key "$work/a.pub" --insecure-ignore-tlog=true --signature "$work/driver.json.sig" "$work/other.json"

    claim "a key that only cosign can use is refused with the way to sign with it"
    must_fail 2 "$artifact" sign --key "$work/cosign.key" "$work/driver.json"
    [[ $said = *"cosign sign-blob"* ]] || fail "$said"

    claim "cosign signs an artifact in two steps"
    small_driver "$work/driver" 6.1.0-1-test
    "$artifact" driver-json --describe "$work/driver/describe.json" --program "$work/driver/program" \
        --user-space "$work/driver/user" --modules "$work/driver/modules" --output "$work/layout" >"$work/made.json" 2>"$work/said" || fail "$(cat "$work/said")"
    must cosign sign-blob --yes --key "$work/cosign.key" --tlog-upload=false --output-signature "$work/made.sig" "$work/made.json"
    pack_small "$work/driver" "$work/layout" --signature "$work/made.sig" --public-key "$work/cosign.pub" >/dev/null
    "$artifact" inspect --json "oci:$work/layout" | grep -q '"signed": true' || fail "the image is not signed"
}

"with_$other"
