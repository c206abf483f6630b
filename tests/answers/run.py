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
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "proofs"))

import dev  # noqa: E402
from dev import Problem  # noqa: E402

WORKFLOW = "user-registration"
P50_MS_GOAL = 15
ONE_BY_ONE = 200
KILLED = 60
PATIENCE_SECONDS = 120


def say(text):
    print(f"answers: {text}", file=sys.stderr, flush=True)


def main():
    args = arguments()
    program = dev.programs(args.profile) / "stepladder"
    work = args.work or dev.target_folder() / "answers"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    stack = start(work, "dev", [program, "dev", "--no-build", "--profile", args.profile])
    try:
        figures = asyncio.run(measure(args, program, work, stack))
    finally:
        stack.stop()
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


def start(work, name, words):
    return dev.Server(words, work / f"{name}.log", WORKFLOW, "make bench-answers")


async def measure(args, program, work, stack):
    for n in range(20):
        await ask(stack, f"warm-{n}", "end")
    times = [await timed(stack, f"one-{n}", "ValidateRegistration") for n in range(ONE_BY_ONE)]
    one_by_one = quantiles(times)
    say(f"{ONE_BY_ONE} answers after one step, one by one: {told(one_by_one)}")

    load = await under_load(args, stack)
    say(f"{load['answers']} answers after two steps at {args.rate} a second: {told(load)}")

    killed = await kill_an_api(program, work, stack)
    say(f"an API process was killed with {killed['cut_off']} of {KILLED} answers under way")

    names = [f"warm-{n}" for n in range(20)] + [f"one-{n}" for n in range(ONE_BY_ONE)]
    names += [f"load-{n}" for n in range(load["answers"])] + [f"killed-{n}" for n in range(KILLED)]
    seconds = await all_ended(stack, set(names))
    say(f"all {len(names)} runs have gone on to their ends, {seconds:.1f} s later")
    return {"schema": "stepladder.answers/1", "cores": os.cpu_count(), "profile": args.profile, "rate": args.rate,
            "one_by_one": one_by_one, "load": load, "killed": killed, "runs": len(names)}


async def under_load(args, stack):
    began = time.monotonic() + 0.1

    async def at(n):
        due = began + n / args.rate
        await asyncio.sleep(due - time.monotonic())
        await answered(stack, f"load-{n}", "CreateProfile")
        return (time.monotonic() - due) * 1000

    times = await asyncio.gather(*(at(n) for n in range(args.rate * args.seconds)))
    return {"answers": len(times), "seconds": round(time.monotonic() - began, 1), **quantiles(times)}


async def kill_an_api(program, work, stack):
    """A process of its own answers, and dies while it does."""
    api = start(work, "serve", [program, "serve", "--endpoint", f"http://127.0.0.1:{stack.port}"])
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
        again = await answered(stack, f"killed-{n}", "SendWelcomeEmail")
        if n in before and again["output"] != before[n]:
            raise Problem(f"killed-{n} has two answers: {before[n]} and {again['output']}")
    return {"asked": KILLED, "cut_off": cut_off}


async def all_ended(stack, wanted):
    """Until each of these runs has succeeded; what stands still is told."""
    began = time.monotonic()
    while True:
        left = set(wanted)
        async for run in stack.runs(WORKFLOW):
            if run["status"] == "SUCCEEDED":
                left.discard(run["name"])
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
    return await server.http("POST", f"/api/v1/workflows/{WORKFLOW}/runs?answer={state}&timeout=60s", body)


def quantiles(times):
    times = sorted(times)
    at = lambda part: round(times[min(len(times) - 1, int(len(times) * part))], 1)
    return {"p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "max_ms": round(times[-1], 1)}


def told(figures):
    return ", ".join(f"{name.removesuffix('_ms')} {figures[name]} ms" for name in ("p50_ms", "p90_ms", "p99_ms", "max_ms"))


if __name__ == "__main__":
    dev.run("answers", main)
