#!/usr/bin/env python3
"""Foreign clients of both APIs against `stepladder dev`: builds it, starts it on a free port, runs test_*.py, stops it.

    tests/api/run.py                         boto3 and the AWS CLI are installed into .tools/api first, and schemathesis into
                                             .tools/schemathesis
    tests/api/run.py --no-build -k history   the programs as they were built before, and only these tests
    tests/api/run.py -k long_history --transitions 30000   some minutes: a history beyond what Step Functions has
    tests/api/run.py --endpoint http://127.0.0.1:7701 --services http://127.0.0.1:4566
                                             `stepladder serve` in front of the stack that tests/aws/served.py deploys

What is done stands on stderr. Exit code 0 only if everything ran and passed. The log of `stepladder dev` is kept in
target/api-tests; its end is shown where something failed.
"""

import argparse
import contextlib
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

import sent

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20
LOG_LINES_SHOWN = 40
LEAKS_SHOWN = 10
BUILT = ["stepladder-cli", "data-import", "data-pipeline", "order-processing", "employee-onboarding", "user-registration", "stepladder-system"]
BY_ARGUMENT = "STEPLADDER_API_TESTS_PYTHON"

started = time.monotonic()


class Failed(Exception):
    """What keeps this from ending with 0."""


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


@contextlib.contextmanager
def running_dev(options):
    """The endpoint of `stepladder dev`, and its log; it is stopped at the end, however that comes."""
    target, programs = target_folder(options.profile)
    folder = target / "api-tests"
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "dev.log"
    endpoint = f"http://127.0.0.1:{port}"
    say(f"starting stepladder dev at {endpoint}")
    with open(log, "wb") as output:
        dev = subprocess.Popen(
            [str(programs / "stepladder"), "dev", "-v", "--no-build", "--profile", options.profile, "--port", str(port)],
            cwd=ROOT, env=environment(STEPLADDER_LOG="trace"), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + START_SECONDS_MAX
        while not is_up(endpoint):
            if dev.poll() is not None or time.monotonic() > until:
                raise Failed(f"no answer from stepladder dev; its exit code is {dev.poll()}")
            time.sleep(0.1)
        yield endpoint, log
        if dev.poll() is not None:
            raise Failed(f"stepladder dev ended by itself with {dev.poll()}")
    except Failed:
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        print("\n".join(["-- the end of its log", *lines]), file=sys.stderr)
        raise
    finally:
        if dev.poll() is None:
            dev.send_signal(signal.SIGTERM)
            try:
                dev.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                dev.kill()
                dev.wait()


def test(options, endpoint, services, logs, **more):
    say(f"the tests, at {endpoint}")
    written = target_folder(options.profile)[0] / "api-tests/sent.jsonl"
    written.parent.mkdir(parents=True, exist_ok=True)
    written.unlink(missing_ok=True)
    # The AWS CLI is that of the venv, whatever else is on the PATH.
    path = f"{options.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    tested = environment(STEPLADDER_API_ENDPOINT=endpoint, STEPLADDER_API_SERVICES=services,
                         STEPLADDER_API_TRANSITIONS=str(options.transitions), PATH=path,
                         **{sent.FILE: str(written)}, **more)
    os.environ.clear()
    os.environ.update(tested)
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in options.names] if options.names else None
    result = unittest.TextTestRunner(verbosity=2).run(loader.discover(str(HERE)))
    if result.testsRun == 0:
        raise Failed("no test has such a name")
    if not result.wasSuccessful():
        raise Failed("a test failed")
    search(logs, sent.written(written))
    import client
    if not options.names and (missing := client.never_called()):
        raise Failed(f"no test calls {', '.join(missing)}")


def search(logs, values):
    """No line of the logs may show what was sent."""
    say(f"looking for {len(values)} payloads and tokens in {len(logs)} logs")
    leaks = [(log, at, line) for log in logs for at, line in sent.leaked(values, log)]
    for log, at, line in leaks[:LEAKS_SHOWN]:
        print(f"{log}:{at}: {line}", file=sys.stderr)
    if leaks:
        raise Failed(f"{len(leaks)} lines of logs show what was sent")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="dev", help="cargo's profile of the programs: dev, ci, release")
    parser.add_argument("--no-build", action="store_true", help="take the programs as they were built before")
    parser.add_argument("--endpoint", help="where the API is answered already: nothing is built and started then")
    parser.add_argument("--services", help="with --endpoint: where the stack's queues and tables are, unless it is there too")
    parser.add_argument("--function-url", action="store_true", help="with --endpoint: it is a stack's function URL")
    parser.add_argument("--log", dest="logs", action="append", type=Path, default=[],
                        help="with --endpoint: a log that may show nothing of what the tests send; may be given several times")
    parser.add_argument("--venv", type=Path, default=ROOT / ".tools/api")
    parser.add_argument("--schemathesis-venv", type=Path, default=ROOT / ".tools/schemathesis")
    parser.add_argument("-k", dest="names", action="append", help="only tests whose names have this in them")
    parser.add_argument("--transitions", type=int, default=300, help="how many the run of the long history has")
    options = parser.parse_args()

    options.venv = options.venv.resolve()
    python = install(options.venv, "requirements.txt")
    if not os.environ.get(BY_ARGUMENT):
        # The tests run in the venv's own Python.
        os.environ[BY_ARGUMENT] = "1"
        os.execv(python, [str(python), str(Path(__file__).resolve()), *sys.argv[1:]])
    if options.endpoint:
        more = {"STEPLADDER_API_IS_FUNCTION_URL": "1"} if options.function_url else {}
        return test(options, options.endpoint, options.services or options.endpoint, options.logs, **more)
    if not options.no_build:
        say(f"building, profile {options.profile}")
        build = ["cargo", "build", "--bins", "--profile", options.profile]
        if subprocess.run([*build, *(part for name in BUILT for part in ("-p", name))], cwd=ROOT).returncode:
            raise Failed("the programs could not be built")
    schemathesis = install(options.schemathesis_venv, "requirements-schemathesis.txt").with_name("schemathesis")
    folder, programs = target_folder(options.profile)
    with running_dev(options) as (endpoint, log):
        test(options, endpoint, endpoint, [log], STEPLADDER_API_PROGRAM=str(programs / "stepladder"),
             STEPLADDER_API_SCHEMATHESIS=str(schemathesis), STEPLADDER_API_FOLDER=str(folder / "api-tests"))


if __name__ == "__main__":
    # So that it is stopped also where this process is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except Failed as failure:
        say(str(failure))
        sys.exit(1)
