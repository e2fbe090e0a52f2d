#!/bin/sh
# Installs tsuku-verify from a release: fetches it, compares its SHA-256 with the release's list, and puts it in place.
# Nothing is run before the sum is right, and nothing is replaced before everything that was asked for is there and right.
set -eu

version=${TSUKU_VERIFY_VERSION:-latest}
dir=${TSUKU_VERIFY_DIR:-}
base=${TSUKU_VERIFY_BASE_URL:-https://github.com/tsukumogami/tsuku-verify/releases}
helper=${TSUKU_VERIFY_HELPER:-0}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

# Not read out of this file: it may come through a pipe and have no name.
usage() {
    cat <<'END'
Installs tsuku-verify from a release. Options, or the variables behind them:
  --version TAG    TSUKU_VERIFY_VERSION   a release, as in v1.2.3; default: the latest one
  --dir DIR        TSUKU_VERIFY_DIR       where to; default: ~/.local/bin
  --base-url URL   TSUKU_VERIFY_BASE_URL  where releases are, https:// or file:// (a directory of this machine)
  --with-helper    TSUKU_VERIFY_HELPER=1  tsuku-dltest too (tsuku-verify carries its own and does not need it)
END
}

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

# check ASSET TOOL: fetch it, compare it, ask its name; from then on it is $work/TOOL.
check() {
    [ ! -d "$dir/$2" ] || fail "$dir/$2 is a directory"
    fetch "$1"
    wanted=$(awk -v name="$1" '$0 == $1 "  " name { print $1 }' "$work/checksums.txt")
    [ "${#wanted}" -eq 64 ] || fail "checksums.txt does not list $1 once"
    found=$(sum_of "$work/$1")
    [ "$found" = "$wanted" ] || fail "refusing $1: its SHA-256 is $found, the release says $wanted"
    mv "$work/$1" "$work/$2"
    chmod 755 "$work/$2"
    if ! said=$("$work/$2" --version 2>&1); then
        fail "$1 does not run here: $said"
    fi
    # What each of them prints before its version.
    case $2 in
        tsuku-dltest) name='tsuku-dltest v' ;;
        *) name='tsuku-verify ' ;;
    esac
    # The latest release has whatever version its program has; the helper beside it has the same.
    [ "$version" != latest ] || version=v${said#"$name"}
    [ "$said" = "$name${version#v}" ] || fail "$1 does not call itself $version: $said"
    taken="$taken$2: $1, SHA-256 $found
"
}

# One function, called at the very end: a script that arrives cut off does nothing.
main() {
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
    case $base in
        https://* | file:///*) ;;
        *) fail "$base is neither https:// nor file://" ;;
    esac
    case $helper in
        0 | 1) ;;
        *) fail "TSUKU_VERIFY_HELPER is $helper, which is neither 0 nor 1" ;;
    esac
    case $dir in
        /*) ;;
        '') [ -n "${HOME:-}" ] || fail "HOME is not set: say where to with --dir" && dir=$HOME/.local/bin ;;
        *) dir=$PWD/$dir ;;
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

    mkdir -p "$dir" || fail "cannot make $dir"
    # Where the files are going: there they can be run if anywhere, and the last step replaces the old ones at once.
    work=$(mktemp -d "$dir/.tsuku-verify.XXXXXX") || fail "cannot write to $dir"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM

    taken=
    fetch checksums.txt
    check "tsuku-verify-$os-$arch" tsuku-verify
    if [ "$helper" = 1 ]; then
        asset=tsuku-dltest-$os-$arch
        # Where only musl is, the helper asks for musl's loader.
        if [ "$os" = linux ] && ! [ -e /lib64/ld-linux-x86-64.so.2 ] && ! [ -e /lib/ld-linux-aarch64.so.1 ]; then
            asset=$asset-musl
        fi
        check "$asset" tsuku-dltest
        mv -f "$work/tsuku-dltest" "$dir/tsuku-dltest" || fail "cannot write to $dir"
    fi
    mv -f "$work/tsuku-verify" "$dir/tsuku-verify" || fail "cannot write to $dir"
    printf '%s' "$taken" | while IFS= read -r line; do printf '%s/%s\n' "$dir" "$line"; done
    case :${PATH:-}: in
        *:"$dir":*) ;;
        *) printf '%s is not in PATH\n' "$dir" ;;
    esac
}

main "$@"
