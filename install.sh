#!/bin/sh
# Installs tsuku-verify from a release: fetches one file, compares its SHA-256 with the release's list, and puts it in place.
# Nothing is run or replaced before the sum is right. Options, or the variables behind them:
#   --version TAG    TSUKU_VERIFY_VERSION   a release, as in v1.2.3; default: the latest one
#   --dir DIR        TSUKU_VERIFY_DIR       where to; default: ~/.local/bin
#   --base-url URL   TSUKU_VERIFY_BASE_URL  where releases are; file:// for a directory of this machine
#   --with-helper    TSUKU_VERIFY_HELPER=1  tsuku-dltest too (tsuku-verify carries its own and does not need it)
set -eu

version=${TSUKU_VERIFY_VERSION:-latest}
dir=${TSUKU_VERIFY_DIR:-${HOME:-}/.local/bin}
base=${TSUKU_VERIFY_BASE_URL:-https://github.com/tsukumogami/tsuku-verify/releases}
helper=${TSUKU_VERIFY_HELPER:-}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0"
}

while [ "$#" -gt 0 ]; do
    case $1 in
        --with-helper) helper=1 && shift ;;
        --help) usage && exit 0 ;;
        --version | --dir | --base-url)
            [ "$#" -ge 2 ] || fail "$1 needs a value"
            case $1 in
                --version) version=$2 ;;
                --dir) dir=$2 ;;
                *) base=$2 ;;
            esac
            shift 2
            ;;
        *) fail "what is $1?" ;;
    esac
done
case $version in
    latest) from=$base/latest/download ;;
    v*[!0-9A-Za-z.-]* | [!v]* | '') fail "$version is no version, which would look like v1.2.3" ;;
    *) from=$base/download/$version ;;
esac

case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail "there is no release for $(uname -s)" ;;
esac
case $(uname -m) in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "there is no release for $(uname -m)" ;;
esac

# fetch NAME: the file of that name, into $work.
fetch() {
    case $from in
        file://*) cp "${from#file://}/$1" "$work/$1" || fail "$from has no $1" ;;
        *)
            if command -v curl >/dev/null 2>&1; then
                curl --fail --silent --show-error --location --proto '=https' --tlsv1.2 --retry 3 \
                    --output "$work/$1" "$from/$1" || fail "cannot fetch $from/$1"
            elif command -v wget >/dev/null 2>&1; then
                wget --quiet --output-document="$work/$1" "$from/$1" || fail "cannot fetch $from/$1"
            else
                fail "neither curl nor wget is here"
            fi
            ;;
    esac
}

sum_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum <"$1"
    else
        shasum -a 256 <"$1"
    fi | cut -d ' ' -f 1
}

# take ASSET NAME: fetch, compare, put in place.
take() {
    fetch "$1"
    wanted=$(awk -v name="$1" '$0 == $1 "  " name { print $1 }' "$work/checksums.txt")
    [ "${#wanted}" -eq 64 ] || fail "checksums.txt does not list $1 once"
    found=$(sum_of "$work/$1")
    [ "$found" = "$wanted" ] || fail "refusing $1: its SHA-256 is $found, the release says $wanted"
    chmod 755 "$work/$1"
    if [ "$version" != latest ]; then
        case $("$work/$1" --version 2>&1) in
            *"${version#v}") ;;
            *) fail "$1 does not call itself $version, or does not run here" ;;
        esac
    fi
    # In the directory itself first, so that the last step replaces the old file at once.
    if ! { cp "$work/$1" "$dir/.$2.new" && chmod 755 "$dir/.$2.new" && mv -f "$dir/.$2.new" "$dir/$2"; }; then
        fail "cannot write to $dir"
    fi
    printf '%s/%s: %s, SHA-256 %s\n' "$dir" "$2" "$1" "$found"
}

mkdir -p "$dir" || fail "cannot make $dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fetch checksums.txt
take "tsuku-verify-$os-$arch" tsuku-verify
if [ -n "$helper" ]; then
    asset=tsuku-dltest-$os-$arch
    # Where only musl is, the helper asks for musl's loader.
    if [ "$os" = linux ] && ! [ -e /lib64/ld-linux-x86-64.so.2 ] && ! [ -e /lib/ld-linux-aarch64.so.1 ]; then
        asset=$asset-musl
    fi
    take "$asset" tsuku-dltest
fi
case :${PATH:-}: in
    *:"$dir":*) ;;
    *) printf '%s is not in PATH\n' "$dir" ;;
esac
