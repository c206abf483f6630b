#!/usr/bin/env python3
"""Runs the tests that need an AWS emulator: builds the real binaries, starts the emulator, tests, stops it.

    tests/aws/run.py                         ministack, installed into .tools/emulator and started on a free port
    tests/aws/run.py --emulator localstack --endpoint http://127.0.0.1:4566 --zips target/lambda
    tests/aws/run.py -E 'test(killed)'       these tests only: no contract suites, and not AWS's own clients
    tests/aws/run.py -k paginator            AWS's own clients alone, by the tests of tests/api with such names
    tests/aws/run.py --no-build -k ''        all of those, with the programs as they were built before

What is done, and with what, stands on stderr. Exit code 0 only if everything ran and passed. The emulator's log is kept in
target/aws-tests; its end is shown where something failed.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests/api")]

import emulator  # noqa: E402
import packages  # noqa: E402
import sent  # noqa: E402
import served  # noqa: E402
import sqs_differences  # noqa: E402

# What is deployed, the command line, and the tests' own step: one call, so that all share one set of features.
# `make cost` builds the same.
BUILT = ["stepladder-cli", "data-import", "data-pipeline", "order-processing", "employee-onboarding", "user-registration", "stepladder-system", "stepladder-aws-tests",
         "stepladder-cost"]
# All targets of the workspace, as `make test` builds them: naming some would give their dependencies other features, and build
# all of them a second time. What runs is chosen by nextest's filters.
TESTED = ["--workspace"]
# So many tests at once: they mostly wait, for two cores and one emulator.
TESTS_AT_ONCE = 6

CODE_BUCKET = "stepladder-tests-code"
# Asks for the test that takes 17 minutes.
LONG = "STEPLADDER_TEST_LONG"

started = time.monotonic()


def say(text):
    print(f"== {text} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)


def cargo(arguments, env=None):
    """Runs cargo from the workspace's root; its exit code."""
    return subprocess.run(["cargo", *arguments], cwd=ROOT, env=env).returncode


def built(profile):
    """What cargo is to build. In the profile dev the tests share their dependencies with the binaries."""
    if profile == "dev":
        return ["--workspace", "--bins", "--tests"]
    return ["--bins", *(part for name in BUILT for part in ("-p", name))]


def target_folder():
    answer = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"],
        cwd=ROOT, stdout=subprocess.PIPE, check=True,
    )
    return Path(json.loads(answer.stdout)["target_directory"])


def environment(endpoint, **more):
    """This process's own, without anything that could lead to a real account."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPLADDER_"))}
    env.update(emulator.CREDENTIALS)
    env.update({"AWS_ENDPOINT_URL": endpoint, **more})
    return env


def by_nextest(options, endpoint, pid, python, path, programs, zips):
    """The exit codes of the tests in Rust."""
    codes = {}
    if not options.filter:
        say("the contract of store, queue and blobs")
        codes["contract"] = cargo(
            ["nextest", "run", *TESTED, "--no-fail-fast", "--status-level", "fail", "-E",
             "package(stepladder-tests) & binary(contract) & test(/^aws/)"],
            environment(endpoint, STEPLADDER_CONTRACT_ENDPOINT=endpoint),
        )
        say("the contract of SQS, here and there")
        codes["SQS contract"] = sqs_differences.compare(ROOT, TESTED, environment(endpoint), options.emulator, endpoint)
    say("uploading the packages")
    upload = [str(python), str(HERE / "deploy.py"), "upload", "--zips", str(zips), "--bucket", CODE_BUCKET]
    if subprocess.run(upload, env=environment(endpoint)).returncode:
        raise emulator.Problem("the packages could not be put into the emulator's S3")
    say("the tests on the emulator")
    env = environment(
        endpoint,
        STEPLADDER_TEST_EMULATOR=options.emulator,
        STEPLADDER_TEST_ZIPS=str(zips),
        STEPLADDER_TEST_CODE_BUCKET=CODE_BUCKET,
        STEPLADDER_TEST_PYTHON=str(python),
        STEPLADDER_TEST_CLI=str(programs / "stepladder"),
        PATH=path,
        **({"STEPLADDER_TEST_EMULATOR_PID": str(pid)} if pid else {}),
        **({LONG: os.environ[LONG]} if os.environ.get(LONG) else {}),
    )
    filters = ["package(stepladder-aws-tests) & kind(test)"]
    if options.filter:
        filters.append(f"({options.filter})")
    # Exit code 4 where no test is left: a filter that finds nothing is no success.
    codes["tests"] = cargo(
        ["nextest", "run", *TESTED, "--run-ignored", "only", "--no-fail-fast",
         "--test-threads", str(TESTS_AT_ONCE), "-E", " & ".join(filters)], env,
    )
    return codes


def show_leaks(log):
    """1 if the functions have logged what the orders tell of their customers."""
    leaks = sent.leaked(set(sent.of_samples(ROOT / "functions/order-processing/samples/orders.jsonl")), log)
    say(f"{len(leaks)} lines of the functions' logs show what orders say")
    print(*(f"{log}:{at}: {line}" for at, line in leaks[:10]), sep="\n", file=sys.stderr)
    return 1 if leaks else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="dev", help="cargo's profile of the deployed binaries: dev, ci, release")
    parser.add_argument("--emulator", default="ministack", choices=["ministack", "localstack"])
    parser.add_argument("--endpoint", help="an emulator that runs already")
    parser.add_argument("--port", type=int, default=0, help="of the emulator; a free one unless set")
    parser.add_argument("--zips", type=Path, help="deployment packages that are built already: <zips>/<program>/bootstrap.zip")
    parser.add_argument("--venv", type=Path, default=ROOT / ".tools/emulator")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("-E", "--filter", help="nextest's filter: only these tests, no contract suites, and not AWS's own clients")
    part.add_argument("-k", dest="names", action="append",
                      help="AWS's own clients alone, and of their tests those whose names have this in them")
    parser.add_argument("--no-build", action="store_true", help="take the programs as they were built before")
    options = parser.parse_args()

    target = target_folder()
    folder = target / "aws-tests"
    folder.mkdir(parents=True, exist_ok=True)
    python = emulator.install(options.venv, HERE / "requirements.txt", say)
    path = os.environ["PATH"]
    if not shutil.which("aws"):
        # In a venv of its own: it pins botocore exactly too, and not as the emulator does.
        aws = emulator.install(ROOT / ".tools/awscli", HERE / "requirements-aws.txt", say)
        path = f"{aws.parent}{os.pathsep}{path}"

    if not options.no_build:
        if not options.names:
            say("building the tests")
            if cargo(["nextest", "run", *TESTED, "--no-run"]):
                return 1
        say(f"building the binaries, profile {options.profile}")
        if cargo(["build", "--profile", options.profile, *built(options.profile)]):
            return 1
    programs = target / ("debug" if options.profile == "dev" else options.profile)
    zips = options.zips.resolve() if options.zips else packages.make(programs, folder / "zips" / options.profile, say)

    log = folder / "emulator.log"
    with emulator.running(options, folder / "run", log, say) as (endpoint, pid):
        codes = {}
        if not options.names:
            codes |= by_nextest(options, endpoint, pid, python, path, programs, zips)
            codes["log"] = show_leaks(log)
        if not options.filter:
            codes |= served.test(
                options, programs / "stepladder", zips, python, folder / "served", environment(endpoint, PATH=path), log, say)
    failed = [name for name, code in codes.items() if code]
    if failed:
        emulator.show_end(log)
    say("failed: " + ", ".join(failed) if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    # So that the emulator is stopped also where this process is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for tool, hint in [("cargo", "https://rustup.rs"), ("cargo-nextest", "cargo install --locked cargo-nextest")]:
        if not shutil.which(tool):
            sys.exit(f"error: {tool} is missing. Get it: {hint}")
    try:
        sys.exit(main())
    except (emulator.Problem, packages.Problem, sqs_differences.Problem) as problem:
        sys.exit(f"error: {problem}")
