#!/usr/bin/env python3
"""Foreign clients of both APIs against `stepladder dev`: builds it, starts it on a free port, runs test_*.py, stops it.

    tests/api/run.py                         boto3 is installed into .tools/api first, and schemathesis into .tools/schemathesis
    tests/api/run.py --no-build -k history   the programs as they were built before, and only these tests
    tests/api/run.py -k long_history --transitions 30000   some minutes: a history beyond what Step Functions has

What is done stands on stderr. Exit code 0 only if everything ran and passed. The log of `stepladder dev` is kept in
target/api-tests; its end is shown where something failed.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20
LOG_LINES_SHOWN = 40
BUILT = ["stepladder-cli", "order-processing", "employee-onboarding", "stepladder-system"]
BY_ARGUMENT = "STEPLADDER_API_TESTS_PYTHON"

started = time.monotonic()


def say(text):
    print(f"== {text} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)


def install(venv, requirements):
    """Makes the venv unless it holds just these requirements; the path of its Python."""
    python, wanted = venv / "bin/python", HERE / requirements
    marker = venv / "requirements.txt"
    if marker.is_file() and marker.read_bytes() == wanted.read_bytes():
        return python
    say(f"installing {requirements} into {venv}")
    shutil.rmtree(venv, ignore_errors=True)
    for command in [[sys.executable, "-m", "venv", str(venv)],
                    [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(wanted)]]:
        if subprocess.run(command).returncode:
            sys.exit(f"error: {' '.join(command)} failed. It needs Python 3.10 or newer with venv and a package index.")
    shutil.copy(wanted, marker)
    return python


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def environment(**more):
    """This process's own, without anything that could lead to a real account."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPLADDER_"))}
    env.update({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull})
    env.update(more)
    return env


def is_up(endpoint):
    request = urllib.request.Request(endpoint, data=b"{}", headers={
        "X-Amz-Target": "AWSStepFunctions.ListStateMachines", "Content-Type": "application/x-amz-json-1.0"})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def target_folder(profile):
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return folder, folder / ("debug" if profile == "dev" else profile)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="dev", help="cargo's profile of the programs: dev, ci, release")
    parser.add_argument("--no-build", action="store_true", help="take the programs as they were built before")
    parser.add_argument("--venv", type=Path, default=ROOT / ".tools/api")
    parser.add_argument("--schemathesis-venv", type=Path, default=ROOT / ".tools/schemathesis")
    parser.add_argument("-k", dest="names", action="append", help="only tests whose names have this in them")
    parser.add_argument("--transitions", type=int, default=300, help="how many the run of the long history has")
    options = parser.parse_args()

    python = install(options.venv, "requirements.txt")
    if not os.environ.get(BY_ARGUMENT):
        # The tests run in the venv's own Python.
        os.environ[BY_ARGUMENT] = "1"
        os.execv(python, [str(python), str(Path(__file__).resolve()), *sys.argv[1:]])
    schemathesis = install(options.schemathesis_venv, "requirements-schemathesis.txt").with_name("schemathesis")
    if not options.no_build:
        say(f"building, profile {options.profile}")
        build = ["cargo", "build", "--bins", "--profile", options.profile]
        if subprocess.run([*build, *(part for name in BUILT for part in ("-p", name))], cwd=ROOT).returncode:
            return 1
    target, programs = target_folder(options.profile)
    folder = target / "api-tests"
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "dev.log"
    endpoint = f"http://127.0.0.1:{port}"
    say(f"starting stepladder dev at {endpoint}")
    with open(log, "wb") as output:
        dev = subprocess.Popen(
            [str(programs / "stepladder"), "dev", "--no-build", "--profile", options.profile, "--port", str(port)],
            cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    failed = True
    try:
        until = time.monotonic() + START_SECONDS_MAX
        while not is_up(endpoint):
            if dev.poll() is not None or time.monotonic() > until:
                say(f"no answer from stepladder dev; its exit code is {dev.poll()}")
                return 1
            time.sleep(0.1)
        say("the tests")
        tested = environment(
            STEPLADDER_API_ENDPOINT=endpoint, STEPLADDER_API_TRANSITIONS=str(options.transitions),
            STEPLADDER_API_PROGRAM=str(programs / "stepladder"), STEPLADDER_API_SCHEMATHESIS=str(schemathesis),
            STEPLADDER_API_FOLDER=str(folder))
        os.environ.clear()
        os.environ.update(tested)
        loader = unittest.TestLoader()
        loader.testNamePatterns = [f"*{name}*" for name in options.names] if options.names else None
        result = unittest.TextTestRunner(verbosity=2).run(loader.discover(str(HERE)))
        failed = not result.wasSuccessful() or result.testsRun == 0
        if dev.poll() is not None:
            say(f"stepladder dev ended by itself with {dev.poll()}")
            failed = True
        return 1 if failed else 0
    finally:
        if dev.poll() is None:
            dev.send_signal(signal.SIGTERM)
            try:
                dev.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                dev.kill()
                dev.wait()
        if failed:
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
            print("\n".join(["-- the end of its log", *lines]), file=sys.stderr)


if __name__ == "__main__":
    # So that it is stopped also where this process is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
