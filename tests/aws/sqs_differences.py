"""Runs the SQS contract of tests/suite against our own server and against the emulator, and shows where they differ.

What an emulator is known to do otherwise stands in sqs-differences.json, with why; a difference that is not there is a
failure, and so is one that is there and is gone.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

KNOWN = Path(__file__).resolve().parent / "sqs-differences.json"
RESULT = re.compile(r"^test (\S+) \.\.\. (ok|FAILED)$", re.MULTILINE)
SECONDS_MAX = 300


class Problem(Exception):
    pass


def compare(root, targets, env, emulator, endpoint):
    """0 if our own server passes all, and the emulator all but what it is known to fail."""
    program, folder = find(root, targets, env)
    here = run(program, folder, {**env, "SQS_CONTRACT_ENDPOINT": ""})
    there = run(program, folder, {**env, "SQS_CONTRACT_ENDPOINT": endpoint})
    if here.keys() != there.keys() or not here:
        raise Problem(f"the SQS contract ran {len(here)} cases here and {len(there)} on the emulator")
    known = json.loads(KNOWN.read_text()).get(emulator, {})
    unexpected = [case for case in here if not here[case]]
    unexpected += [case for case in there if there[case] == (short(case) in known)]
    unexpected += [case for case in known if case not in map(short, there)]
    print(f"   {len(here)} cases: our own SQS passes {sum(here.values())}, {emulator} {sum(there.values())}")
    width = max(map(len, map(short, here)))
    for case in sorted(there, key=short):
        if not (here[case] and there[case]):
            words = {True: "passes", False: "fails"}
            why = known.get(short(case), "not known")
            print(f"   {short(case):<{width}}  ours {words[here[case]]}, {emulator} {words[there[case]]}: {why}")
    sys.stdout.flush()
    for case in unexpected:
        print(f"error: {short(case)} is not as {KNOWN.name} says of {emulator}", file=sys.stderr)
    return 1 if unexpected else 0


def short(case):
    return case.rsplit("::", 1)[-1]


def find(root, targets, env):
    """The built test program, and the folder in which cargo would run it."""
    answer = subprocess.run(
        ["cargo", "nextest", "list", *targets, "--list-type", "binaries-only", "--message-format", "json",
         "-E", "package(stepladder-tests) & binary(sqs_contract)"], cwd=root, env=env, stdout=subprocess.PIPE)
    if answer.returncode:
        raise Problem("cargo nextest list failed")
    for suite in json.loads(answer.stdout)["rust-binaries"].values():
        if suite["binary-name"] == "sqs_contract":
            return suite["binary-path"], root / "tests/suite"
    raise Problem("the tests have no binary sqs_contract")


def run(program, folder, env):
    """Each case, and whether it passed."""
    # An empty endpoint counts as none.
    env = {name: value for name, value in env.items() if value}
    answer = subprocess.run([program, "--test-threads", "8"], cwd=folder, env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, timeout=SECONDS_MAX)
    results = {case: result == "ok" for case, result in RESULT.findall(answer.stdout)}
    if (answer.returncode == 0) != all(results.values()):
        raise Problem(f"the SQS contract ended with {answer.returncode}:\n{answer.stdout}\n{answer.stderr}")
    return results
