"""AWS's own clients, tests/api, at a stack on the emulator: by `stepladder serve` in front of it, and at its function URL."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from emulator import Problem, show_end

ROOT = Path(__file__).resolve().parent.parent.parent
# Whose steps are deployed.
WORKFLOW = "order-processing"
# The tests know its table, stepladder-orders.
STACK = "stepladder"
ENV = "emulator"
# What the tests' definitions call, which no definition of the workspace does: it becomes the policy of the function `invoke`.
CALLED = """
[[package.metadata.stepladder.invoke]]
actions = ["sqs:SendMessage"]
resources = ["arn:${Partition}:sqs:${Region}:${Account}:approvals-*", "arn:${Partition}:sqs:${Region}:${Account}:told-*"]

[[package.metadata.stepladder.invoke]]
actions = ["dynamodb:GetItem", "dynamodb:PutItem"]
resources = ["arn:${Partition}:dynamodb:${Region}:${Account}:table/${Stack}-orders"]
"""
# Each message is logged, for ministack answers sooner then; and there is no alarm with metric math, which it doesn't have.
PARAMETERS = ["ApiEnabled=true", "LogSample=1", "QueueAlarms=none", "DeletionProtection=false",
              f"Architecture={'arm64' if os.uname().machine in ('aarch64', 'arm64') else 'x86_64'}"]
# A transition takes a tenth of a second there: fewer than at `stepladder dev`.
TRANSITIONS = "50"
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20


def test(options, cli, zips, python, folder, env, emulators_log, say):
    """Deploys the stack, and runs the tests at both of its endpoints; their exit codes. `env` leads to the emulator, whose
    log has those of the functions in it."""
    at_emulator = env["AWS_ENDPOINT_URL"]
    workspace = folder / "workspace"
    lookalike(workspace, at_emulator)

    def run(what, command):
        done = subprocess.run(command, cwd=workspace, env=env, stdout=subprocess.PIPE)
        if done.returncode:
            raise Problem(f"{what} failed: {' '.join(map(str, command))}")
        return done.stdout

    say("deploying the stack that tests/api calls")
    run("the template", [cli, "synth", "--quiet", "--workflow", WORKFLOW, "--format", "sam", "--to", folder / "rendered"])
    parameters = [part for parameter in PARAMETERS for part in ("--parameter", parameter)]
    outputs = run("the deployment", [python, ROOT / "tests/aws/deploy.py", "deploy", "--stack", STACK, "--zips", zips,
                                     "--template", folder / "rendered/sam/template.yaml", *parameters])
    run("the definition", [cli, "deploy-definition", WORKFLOW, "--quiet", "--env", ENV])

    log = folder / "serve.log"

    def tests_at(endpoint, *more):
        names = [part for name in options.names or [] for part in ("-k", name)]
        logs = [part for log in (log, emulators_log) if log.exists() for part in ("--log", log)]
        return subprocess.run([sys.executable, ROOT / "tests/api/run.py", "--endpoint", endpoint, "--services", at_emulator,
                               "--transitions", TRANSITIONS, *logs, *more, *names]).returncode

    say("AWS's own clients at stepladder serve")
    with serving(cli, workspace, env, log) as endpoint:
        served = tests_at(endpoint)
    if served:
        show_end(log)
    say("AWS's own clients at the function URL")
    url = json.loads(outputs)["ApiUrl"]
    if options.emulator == "ministack":
        # Its own name for the URL, for those that can't resolve the one of AWS.
        url = f"{at_emulator}/_aws/lambda-url/{urlsplit(url).hostname.split('.')[0]}"
    return {"stepladder serve": served, "function URL": tests_at(url, "--function-url")}


def lookalike(folder, endpoint):
    """The workspace by links, where the stack may call what the tests call, and with a `stepladder.toml` that leads to it."""
    shutil.rmtree(folder, ignore_errors=True)
    package = folder / "functions" / WORKFLOW
    link(ROOT, folder, ["target", "functions", "stepladder.toml"])
    link(ROOT / "functions", package.parent, [WORKFLOW])
    link(ROOT / "functions" / WORKFLOW, package, ["Cargo.toml"])
    manifest = (ROOT / "functions" / WORKFLOW / "Cargo.toml").read_text()
    (package / "Cargo.toml").write_text(manifest + CALLED)
    (folder / "stepladder.toml").write_text(f'[env.{ENV}]\nregion = "us-east-1"\nstack = "{STACK}"\nendpoint = "{endpoint}"\n')


def link(source, into, without):
    into.mkdir(parents=True)
    for path in source.iterdir():
        if not path.name.startswith(".") and path.name not in without:
            (into / path.name).symlink_to(path)


@contextlib.contextmanager
def serving(cli, folder, env, log):
    """The endpoint of `stepladder serve`, which ends at the end by what Ctrl-C sends, and with 0."""
    # It gets no endpoint but that of stepladder.toml.
    env = {name: value for name, value in env.items() if name != "AWS_ENDPOINT_URL"}
    with open(log, "wb") as output:
        command = [cli, "serve", "--env", ENV, "--port", "0", "-o", "json"]
        serve = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output)
    try:
        yield first_document(serve, log)["endpoint"]
        serve.send_signal(signal.SIGINT)
        code = serve.wait(STOP_SECONDS_MAX)
        if code:
            raise Problem(f"stepladder serve ended with {code}: {log.read_text(errors='replace')}")
    finally:
        if serve.poll() is None:
            serve.kill()
            serve.wait()
        serve.stdout.close()


def first_document(serve, log):
    """The JSON document that says where it serves."""
    until, text = time.monotonic() + START_SECONDS_MAX, b""
    while True:
        if select.select([serve.stdout], [], [], max(0, until - time.monotonic()))[0]:
            part = os.read(serve.stdout.fileno(), 4096)
        else:
            part = b""
        if not part:
            raise Problem(f"stepladder serve doesn't say where it is: {log.read_text(errors='replace')}")
        text += part
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text)
