#!/usr/bin/env bash
# Builds the functions as Lambda takes them: functions/build.sh arm64|x86_64|both [function…]
#
# target/lambda-<architecture>/<function>/bootstrap.zip is what was built. target/lambda/<function>/bootstrap.zip is the
# same file, for the architecture that was asked for (arm64 of both): there the templates look. target/lambda/architecture
# says which one it is. Fails if a zip is larger than its budget.
set -euo pipefail
cd "$(dirname "$0")/.."

# What a function's zip may weigh. Lambda takes 50 MB; a cold start fetches it first, and small ones start faster. x86-64 has
# 0.7 MB more: the S3 client's checksums keep 750 KB of tables there for CPUs that Lambda doesn't have.
# The API's function holds a web server, histories and the document of the REST API, and a stack has it only where it is asked for.
# Who reads items may be larger where it reads Parquet.
zip_bytes_max() {
    local bytes
    case $1/$2 in
        arm64/api) bytes=6900000 ;;
        */api) bytes=7600000 ;;
        arm64/*) bytes=6000000 ;;
        *) bytes=6700000 ;;
    esac
    case $2 in
        timer | dead-letter) ! grep -qE '^default = .*"parquet"' functions/system/Cargo.toml || bytes=$((bytes + 1000000)) ;;
    esac
    echo "$bytes"
}
# Newer ones are fine; these are the ones that the project is built with.
cargo_lambda_version=1.9.2
ziglang_version=0.17.1

fail() { printf 'error: %s\n' "$1" >&2; [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2; exit "${3:-1}"; }

case "${1:-}" in
    arm64 | x86_64) architectures=("$1") deployed=$1 ;;
    both) architectures=(arm64 x86_64) deployed=arm64 ;;
    *) fail "the architecture is '${1:-}'" 'arm64, x86_64 or both' 2 ;;
esac
shift

# cargo-lambda brings zig along, which links for the old glibc of Amazon Linux 2023, whatever this machine has.
if ! cargo lambda --version >/dev/null 2>&1; then
    if [ ! -x .tools/build/bin/cargo-lambda ]; then
        echo "installing cargo-lambda $cargo_lambda_version into .tools/build" >&2
        python3 -m venv .tools/build 2>/dev/null || fail 'python3 can not make a venv' 'on Debian: apt-get install python3-venv'
        .tools/build/bin/pip install --quiet --disable-pip-version-check \
            "cargo-lambda==$cargo_lambda_version" "ziglang==$ziglang_version" ||
            fail 'cargo-lambda could not be installed' 'https://www.cargo-lambda.info/guide/installation.html names other ways'
    fi
    PATH="$PWD/.tools/build/bin:$PATH"
fi

# Every package below functions/ holds functions, and nothing else does.
packages=()
for manifest in functions/*/Cargo.toml; do
    packages+=(-p "$(sed -nE 's/^name = "(.*)"$/\1/p' "$manifest" | head -n 1)")
done
bins=()
for function in "$@"; do bins+=(--bin "$function"); done

for architecture in "${architectures[@]}"; do
    case $architecture in
        arm64) triple=aarch64-unknown-linux-gnu flag=--arm64 ;;
        x86_64) triple=x86_64-unknown-linux-gnu flag=--x86-64 ;;
    esac
    if ! rustc --print target-libdir --target "$triple" 2>/dev/null | xargs -r test -d; then
        command -v rustup >/dev/null || fail "the standard library for $triple is missing" 'rustup gets it: https://rustup.rs'
        rustup target add "$triple"
    fi
    # Which functions there are is known from what was built last; one that was removed must not stay deployable.
    [ $# -gt 0 ] || rm -rf "target/lambda-$architecture"
    started=$SECONDS
    cargo lambda build --locked --release "$flag" --output-format zip --lambda-dir "target/lambda-$architecture" \
        "${packages[@]}" ${bins[@]+"${bins[@]}"}
    echo "$architecture: built in $((SECONDS - started)) s" >&2
done

rm -rf target/lambda
mkdir -p target/lambda
cp -R "target/lambda-$deployed/." target/lambda/
echo "$deployed" >target/lambda/architecture

is_too_large=0
for architecture in "${architectures[@]}"; do
    for zip in "target/lambda-$architecture"/*/bootstrap.zip; do
        bytes=$(wc -c <"$zip")
        function=$(basename "$(dirname "$zip")")
        note=
        if [ "$bytes" -gt "$(zip_bytes_max "$architecture" "$function")" ]; then note=' more than its budget' is_too_large=1; fi
        awk -v bytes="$bytes" -v name="$function" -v architecture="$architecture" -v note="$note" \
            'BEGIN { printf "%5.2f MB  %-6s  %s%s\n", bytes / 1e6, architecture, name, note }'
    done
done
[ $is_too_large = 0 ] || fail 'a zip is larger than its budget' \
    'cargo tree -e normal -p <package> shows what a function links; cargo bloat shows how much of it'
