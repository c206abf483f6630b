"""The emulator: its installation, its life, its log."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

# Any will do. The account is 000000000000.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
               "AWS_DEFAULT_REGION": "us-east-1"}
START_SECONDS_MAX = 60
# It ends its functions first, which takes 1 to 4 seconds.
STOP_SECONDS_MAX = 20
LOG_LINES_SHOWN = 60


class Problem(Exception):
    """What keeps the tests from running, and what to do about it."""


def install(venv, requirements, say):
    """Makes the venv unless it holds just these requirements; the path of its Python."""
    python = venv / "bin/python"
    marker = venv / "requirements.txt"
    if marker.is_file() and marker.read_bytes() == requirements.read_bytes():
        return python
    say(f"installing the emulator into {venv}")
    shutil.rmtree(venv, ignore_errors=True)
    for command in [[sys.executable, "-m", "venv", str(venv)],
                    [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(requirements)]]:
        if subprocess.run(command).returncode:
            raise Problem(f"the emulator could not be installed: {' '.join(command)} failed. "
                          "It needs Python 3.10 or newer with venv (on Debian: apt-get install python3-venv) and a package index.")
    shutil.copy(requirements, marker)
    return python


@contextlib.contextmanager
def running(options, folder, log, say):
    """The endpoint, and the process id where it was started here; it is stopped at the end, however that comes."""
    if options.endpoint:
        endpoint = options.endpoint.rstrip("/")
        wait_for(endpoint, lambda: None)
        yield endpoint, None
        return
    if options.emulator != "ministack":
        raise Problem(f"{options.emulator} is not started by this script: tell where it is by --endpoint")
    port = options.port or free_port()
    endpoint = f"http://127.0.0.1:{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # All of its environment comes into every function: it gets as little as it needs.
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "BIND_HOST": "127.0.0.1",
           "GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1", "AWS_ENDPOINT_URL": endpoint}
    say(f"starting ministack on {endpoint}")
    with open(log, "wb") as output:
        process = subprocess.Popen([str(options.venv / "bin/ministack")], env=env, cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        wait_for(endpoint, process.poll, log)
        yield endpoint, process.pid
        if process.poll() is not None:
            raise Problem(f"the emulator ended by itself with {process.returncode}; its log is {log}")
    finally:
        say("stopping the emulator")
        stop(process)


def wait_for(endpoint, poll, log=None):
    until = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            with urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        code = poll()
        if code is not None or time.monotonic() > until:
            if log:
                show_end(log)
            why = f"it ended with {code}" if code is not None else f"no answer within {START_SECONDS_MAX} s"
            raise Problem(f"no emulator at {endpoint}: {why}")
        time.sleep(0.1)


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            pass
    # What is left of its session: functions that it did not end.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def show_end(log):
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:] if log.exists() else []
    print(f"-- the end of {log}", *lines, "--", sep="\n", file=sys.stderr)
