#!/usr/bin/env python3
"""Answers under load: asks `stepladder dev` for profiles at a rate, and kills an API process while it answers.

    run.py [--rate 200] [--seconds 60] [--profile ci] [--goals] [--work FOLDER]

Builds nothing: `make bench-answers` has built what it runs. An answer that is lost, or a run that does not go on, is an error; a missed
goal is one only with --goals, for times are the machine's. Latencies of the load count from the moment at which a request was due, so
that a stall counts for all that it keeps waiting. The figures are JSON on stdout.
"""
import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WORKFLOW = "user-registration"
P50_MS_GOAL = 15
ONE_BY_ONE = 200
KILLED = 60
PATIENCE_SECONDS = 120
CONNECTIONS_MAX = 512


class Problem(Exception):
    pass


def say(text):
    print(f"answers: {text}", file=sys.stderr, flush=True)


def main():
    args = arguments()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    program = target / ("debug" if args.profile == "dev" else args.profile) / "stepladder"
    work = args.work or target / "answers"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    dev = start(work, "dev", [program, "dev", "--no-build", "--profile", args.profile])
    try:
        figures = asyncio.run(measure(args, program, work, dev))
    finally:
        stop(dev)
    print(json.dumps(figures, indent=2))
    if args.goals and figures["one_by_one"]["p50_ms"] > P50_MS_GOAL:
        raise Problem(f"the p50 of an answer after one step is above {P50_MS_GOAL} ms")
    shutil.rmtree(work)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200, help="answers a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--profile", default="ci", help="the cargo profile of what is run")
    parser.add_argument("--goals", action="store_true", help="a missed goal is an error")
    parser.add_argument("--work", type=Path, help="a folder for the logs; it is emptied first")
    return parser.parse_args()


class Server:
    def __init__(self, process, port):
        self.process, self.port = process, port
        self.free = []


def start(work, name, command):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "STEPLADDER_"))}
    command = [str(word) for word in [*command, "--port", port]]
    with open(work / f"{name}.log", "wb") as log:
        try:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        except FileNotFoundError:
            raise Problem(f"{command[0]} is missing: `make bench-answers` builds it") from None
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/workflows/{WORKFLOW}", timeout=2):
                return Server(process, port)
        except OSError as error:
            if process.poll() is not None or time.monotonic() > until:
                stop(Server(process, port))
                raise Problem(f"{name} did not start ({error}): {work / name}.log") from None
            time.sleep(0.05)


def stop(server):
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGINT)
        try:
            server.process.wait(20)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


async def measure(args, program, work, dev):
    for n in range(20):
        await ask(dev, f"warm-{n}", "end")
    times = [await timed(dev, f"one-{n}", "ValidateRegistration") for n in range(ONE_BY_ONE)]
    one_by_one = quantiles(times)
    say(f"{ONE_BY_ONE} answers after one step, one by one: {told(one_by_one)}")

    load = await under_load(args, dev)
    say(f"{load['answers']} answers after two steps at {args.rate} a second: {told(load)}")

    killed = await kill_an_api(program, work, dev)
    say(f"an API process was killed with {killed['cut_off']} of {KILLED} answers under way")

    names = [f"warm-{n}" for n in range(20)] + [f"one-{n}" for n in range(ONE_BY_ONE)]
    names += [f"load-{n}" for n in range(load["answers"])] + [f"killed-{n}" for n in range(KILLED)]
    seconds = await all_ended(dev, set(names))
    say(f"all {len(names)} runs have gone on to their ends, {seconds:.1f} s later")
    return {"schema": "stepladder.answers/1", "cores": os.cpu_count(), "profile": args.profile, "rate": args.rate,
            "one_by_one": one_by_one, "load": load, "killed": killed, "runs": len(names)}


async def under_load(args, dev):
    began = time.monotonic() + 0.1

    async def at(n):
        due = began + n / args.rate
        await asyncio.sleep(due - time.monotonic())
        await answered(dev, f"load-{n}", "CreateProfile")
        return (time.monotonic() - due) * 1000

    times = await asyncio.gather(*(at(n) for n in range(args.rate * args.seconds)))
    return {"answers": len(times), "seconds": round(time.monotonic() - began, 1), **quantiles(times)}


async def kill_an_api(program, work, dev):
    """A process of its own answers, and dies while it does."""
    api = start(work, "serve", [program, "serve", "--endpoint", f"http://127.0.0.1:{dev.port}"])
    asked = [asyncio.create_task(ask(api, f"killed-{n}", "SendWelcomeEmail")) for n in range(KILLED)]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    api.process.kill()
    api.process.wait()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    cut_off = sum(isinstance(end, Exception) for end in ends)
    if not cut_off:
        say("the API process had answered all before it was killed")
    before = {n: end[1]["output"] for n, end in enumerate(ends) if not isinstance(end, Exception)}
    # The same name is the same run, whoever asks again: also where the start had not come through.
    for n in range(KILLED):
        again = await answered(dev, f"killed-{n}", "SendWelcomeEmail")
        if n in before and again["output"] != before[n]:
            raise Problem(f"killed-{n} has two answers: {before[n]} and {again['output']}")
    return {"asked": KILLED, "cut_off": cut_off}


async def all_ended(dev, wanted):
    """Until each of these runs has succeeded; what stands still is told."""
    began = time.monotonic()
    while True:
        left, cursor = set(wanted), ""
        while cursor is not None:
            _, page = await http(dev, "GET", f"/api/v1/runs?workflow={WORKFLOW}&limit=500{cursor}")
            left -= {run["name"] for run in page["runs"] if run["status"] == "SUCCEEDED"}
            cursor = page["next"] and f"&cursor={page['next']}"
        if not left:
            return time.monotonic() - began
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise Problem(f"{len(left)} runs have not succeeded: {sorted(left)[:5]}")
        await asyncio.sleep(0.5)


async def timed(server, name, state):
    began = time.monotonic()
    await answered(server, name, state)
    return (time.monotonic() - began) * 1000


async def answered(server, name, state):
    status, body = await ask(server, name, state)
    if status != 200 or body["answered_by"] != "state":
        raise Problem(f"no answer for {name}: {status} {body}")
    if body["output"]["value"]["email"] != f"{name}@example.org":
        raise Problem(f"another's answer for {name}: {body}")
    return body


async def ask(server, name, state):
    body = {"name": name, "input": {"email": f"{name}@example.org", "name": "Ada"}}
    return await http(server, "POST", f"/api/v1/workflows/{WORKFLOW}/runs?answer={state}&timeout=60s", body)


async def http(server, method, path, body=None):
    """By a connection that is kept."""
    text = json.dumps(body).encode() if body is not None else b""
    reader, writer = server.free.pop() if server.free else await asyncio.open_connection("127.0.0.1", server.port)
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    writer.write(head.encode() + text)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    status = int(head.split(" ", 2)[1])
    length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
    answer = json.loads(await reader.readexactly(int(length.split(":")[1])))
    if len(server.free) < CONNECTIONS_MAX and "connection: close" not in head:
        server.free.append((reader, writer))
    else:
        writer.close()
    return status, answer


def quantiles(times):
    times = sorted(times)
    at = lambda part: round(times[min(len(times) - 1, int(len(times) * part))], 1)
    return {"p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "max_ms": round(times[-1], 1)}


def told(figures):
    return ", ".join(f"{name.removesuffix('_ms')} {figures[name]} ms" for name in ("p50_ms", "p90_ms", "p99_ms", "max_ms"))


if __name__ == "__main__":
    try:
        main()
    except Problem as problem:
        say(f"error: {problem}")
        sys.exit(1)
