#!/usr/bin/env bash
# The tests on LocalStack, which runs functions in containers: tests/aws/localstack.sh [options of run.py]
#
# Needs Docker. LOCALSTACK_PORT (4566), LOCALSTACK_IMAGE and LOCALSTACK_AUTH_TOKEN: see infra/localstack/compose.yaml.
set -euo pipefail
cd "$(dirname "$0")/../.."

compose=(docker compose -f infra/localstack/compose.yaml)
if ! docker info >/dev/null 2>&1; then
    echo 'error: no Docker engine answers, and LocalStack needs one: https://docs.docker.com/engine/install' >&2
    echo 'hint: make test-aws does the same without Docker' >&2
    exit 1
fi
"${compose[@]}" version >/dev/null || { echo 'error: docker compose is missing: https://docs.docker.com/compose/install' >&2; exit 1; }

# For the containers' processor and their older C library; the tests' own step as well.
case $(uname -m) in
    aarch64 | arm64) architecture=arm64 flag=--arm64 ;;
    *) architecture=x86_64 flag=--x86-64 ;;
esac
make build ARCH="$architecture"
PATH="$PWD/.tools/build/bin:$PATH" cargo lambda build --release "$flag" --output-format zip --lambda-dir target/lambda \
    -p stepladder-aws-tests --bin probe-step

mkdir -p target/aws-tests
finish() {
    "${compose[@]}" logs --no-color >target/aws-tests/localstack.log 2>&1 || true
    "${compose[@]}" down --volumes
}
trap finish EXIT
"${compose[@]}" up -d --wait
tests/aws/run.py --emulator localstack --endpoint "http://127.0.0.1:${LOCALSTACK_PORT:-4566}" --zips target/lambda "$@"
