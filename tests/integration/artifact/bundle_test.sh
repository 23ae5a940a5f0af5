#!/usr/bin/env bash
# A bundle starts anywhere, alone, and says what is wrong when it cannot. Usage: bundle_test.sh BUILD_DIR
set -euo pipefail
build=$1
# shellcheck source=tests/integration/artifact/case.sh
. "$(dirname "$0")/case.sh"

digest_of() { (cd "$1" && find . -type f -printf '%m ' -exec sha256sum {} \; | LC_ALL=C sort | sha256sum); }

claim "it is made, and starts in a root that holds nothing else"
must "$root/ci/bundle" "$build" "$work/bundle" overdrive-artifact
grep -q "in an empty root it says: overdrive-artifact" "$work/said" || fail "$(cat "$work/said")"

claim "making it again gives the same files"
before=$(digest_of "$work/bundle")
must "$root/ci/bundle" "$build" "$work/bundle" overdrive-artifact
same "$(digest_of "$work/bundle")" "$before"

claim "a directory that is no bundle is not replaced"
mkdir "$work/precious" && touch "$work/precious/file"
must_fail 1 "$root/ci/bundle" "$build" "$work/precious" overdrive-artifact
[ -e "$work/precious/file" ] || fail "the file is gone"

claim "it ignores what steers another loader"
wanted=$("$work/bundle/bin/overdrive" --version)
same "$(LD_PRELOAD=/nowhere.so LD_LIBRARY_PATH=/nowhere LD_AUDIT=/nowhere.so GLIBC_TUNABLES=nonsense LD_DEBUG=all \
    "$work/bundle/bin/overdrive" --version 2>&1)" "$wanted"

claim "it is found through links, by any name and from any directory"
ln -s "$work/bundle/bin/overdrive" "$work/other-name"
mv "$work/bundle" "$work/moved bundle"
ln -sfn "$work/moved bundle/bin/overdrive" "$work/other-name"
same "$(cd / && "$work/other-name" --version)" "$wanted"
same "$(cd "$work/moved bundle/bin" && ./overdrive --version)" "$wanted"

claim "arguments and exit status pass through"
must_fail 2 "$work/other-name" verify --key "$work/no such key" "two words"
[[ $said = *"'two words'"* || $said = *"no such key'"* ]] || fail "$said"

claim "only its own libraries are mapped"
library_path="$work/moved bundle/lib/overdrive"
loader=$(find "$library_path" -name 'ld-*')
foreign=$("$loader" --inhibit-cache --library-path "$library_path" --list "$library_path/overdrive" |
    awk '$2 == "=>" { sub(/^[^>]*> /, ""); print }' | grep -v "^$work/moved bundle/" || true)
same "$foreign" ""

claim "a bundle with a piece missing says which"
mv "$work/moved bundle/lib/overdrive/overdrive" "$work/program"
must_fail 1 "$work/other-name" --version
[[ $said = *"incomplete"*"lib/overdrive/overdrive"* ]] || fail "$said"
mv "$work/program" "$work/moved bundle/lib/overdrive/overdrive"
rm "$work/moved bundle/lib/overdrive/"ld-*
must_fail 1 "$work/other-name" --version
[[ $said = *"incomplete"*"lib/overdrive/ld-"* ]] || fail "$said"
