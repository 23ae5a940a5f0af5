#!/usr/bin/env bash
# What images and nodes carry. Usage: bundle_test.sh BUILD_DIR BUNDLE
set -euo pipefail
build=$1 bundle=$2
# shellcheck source=tests/integration/artifact/case.sh
. "$(dirname "$0")/case.sh"
[ -f "$bundle/VERSION" ] || skip "$bundle is not there; make it: ci/bundle build/dev $bundle"

digest_of() { (cd "$1" && find . -type f -printf '%m ' -exec sha256sum {} \; | LC_ALL=C sort | sha256sum); }

claim "making it again gives the same files"
must "$root/ci/bundle" "$build" "$work/bundle"
same "$(digest_of "$work/bundle")" "$(digest_of "$bundle")"

claim "a directory that is no bundle is not replaced"
mkdir "$work/precious" && touch "$work/precious/file"
must_fail 1 "$root/ci/bundle" "$build" "$work/precious"
[ -e "$work/precious/file" ] || fail "the file is gone"

claim "it ignores what steers a loader"
wanted=$("$bundle/bin/overdrive" --version)
same "$(LD_PRELOAD=/nowhere.so LD_LIBRARY_PATH=/nowhere LD_AUDIT=/nowhere.so LD_DEBUG=all \
    "$work/bundle/bin/overdrive" --version 2>&1)" "$wanted"

claim "it starts through links, by any name and from any directory"
mv "$work/bundle" "$work/moved bundle"
ln -s "$work/moved bundle/bin/overdrive" "$work/other-name"
same "$(cd / && "$work/other-name" --version)" "$wanted"
same "$(cd "$work/moved bundle/bin" && ./overdrive --version)" "$wanted"

claim "the program alone, copied anywhere, is enough"
cp "$bundle/bin/overdrive" "$work/alone"
same "$("$work/alone" --version)" "$wanted"
