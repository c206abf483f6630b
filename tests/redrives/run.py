#!/usr/bin/env python3
"""Proves a query: thousands of failed orders, redriven by one command at a rate, which is interrupted and gone on with.

    run.py [--runs 5000] [--rate 50] [--profile ci] [--work FOLDER]

Builds nothing: `make redrive-proof` has built what it runs. On `stepladder dev` the orders fail in ReserveInventory, because their
definition misspells what the step is to do, and catches nothing. Then the corrected definition is published, and one
`stepladder run redrive --where … --definition current` sends them all on by it. Once it is interrupted by Ctrl-C, and gone on with. Each run has to be in the report once, to be redriven once, and to
succeed; the requests have to come at the rate that was asked for; and the progress has to be shown. The figures are JSON on stdout.
"""
import argparse
import asyncio
import copy
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "proofs"))

import dev  # noqa: E402
from dev import ROOT, Problem  # noqa: E402

WORKFLOW = "order-processing"
MACHINE = f"arn:aws:states:us-east-1:000000000000:stateMachine:{WORKFLOW}"
SKU = "HONEY-500"
# What sends the runs on, by the definition that new runs take.
REDRIVE = ["run", "redrive", "--definition", "current"]
QUERY = f"workflow={WORKFLOW} status=failed state=ReserveInventory error=InvalidInput since=1h"
# Of the rate that is asked for.
RATE_LEAST, RATE_MOST = 0.85, 1.05
PATIENCE_SECONDS = 600
STARTS_AT_ONCE = 64


def say(text):
    print(f"redrive-proof: {text}", file=sys.stderr, flush=True)


def main():
    args = arguments()
    work = args.work or dev.target_folder() / "redrive-proof"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    stack = Stack(args.profile, work)
    try:
        figures = prove(args, stack, work)
    finally:
        stack.stop()
    print(json.dumps(figures, indent=2))
    shutil.rmtree(work)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=50, help="runs a second")
    parser.add_argument("--profile", default="ci", help="the cargo profile of what is run")
    parser.add_argument("--work", type=Path, help="a folder for log and report; it is emptied first")
    return parser.parse_args()


def prove(args, stack, work):
    right = json.loads((ROOT / "functions" / WORKFLOW / "workflow.asl.json").read_text())
    stack.update(broken(copy.deepcopy(right)))
    stack.stock(10_000_000)
    began = time.monotonic()
    asyncio.run(stack.start_all(args.runs))
    say(f"{args.runs:,} orders started in {time.monotonic() - began:.1f} s")
    until = time.monotonic() + PATIENCE_SECONDS
    while (plan := stack.planned())["matched"] < args.runs:
        if time.monotonic() > until:
            raise Problem(f"only {plan['matched']:,} of {args.runs:,} orders have failed: {stack.log}")
        time.sleep(1)
    kinds = plan["kinds"]
    if plan["read"] != args.runs or len(kinds) != 1 or kinds[0]["state"] != "ReserveInventory":
        raise Problem(f"the plan is another than expected: {plan}")
    kept = plan["first"][0]["plan"]
    if "keeps ValidateOrder" not in kept or "ChargePayment" not in kept:
        raise Problem(f"the plan keeps something else: {kept}")
    say(f"all have failed {time.monotonic() - began:.1f} s after the first start; the plan: {plan['matched']:,} fit, {plan['read']:,} read")

    stack.update(right)
    report = work / "report.jsonl"
    part = args.runs * 2 // 5
    first = Redrive(stack, [*REDRIVE, "--where", QUERY, "--rate", f"{args.rate}/s", "--report", report, "--yes"])
    first.stop_at(part, report)
    if first.wait() != 130:
        raise Problem(f"interrupted, it ended with {first.code}: {first.text}")
    if "--resume" not in first.text:
        raise Problem(f"interrupted, it doesn't say how to go on: {first.text}")
    asked = [entry["id"] for entry in entries(report) if entry["kind"] == "run"]
    say(f"interrupted with {len(asked):,} asked; {first.shown()}")
    rest = Redrive(stack, [*REDRIVE, "--resume", report, "--rate", f"{args.rate}/s", "--yes"])
    if rest.wait():
        raise Problem(f"gone on with, it ended with {rest.code}: {rest.text}")
    say(f"gone on with: {rest.shown()}")

    results = of_report(report, args.runs)
    seconds = sum(of_rate(part_of, runs, args.rate) for part_of, runs in ((first, len(asked)), (rest, args.runs - len(asked))))
    began = time.monotonic()
    asyncio.run(stack.all_succeeded(args.runs))
    say(f"all {args.runs:,} runs have succeeded, each redriven once, {time.monotonic() - began:.1f} s later")
    left = stack.planned()["matched"]
    if left:
        raise Problem(f"{left} runs still fit the query")
    return {"schema": "stepladder.redrive-proof/1", "cores": os.cpu_count(), "profile": args.profile, "runs": args.runs,
            "rate_asked": args.rate, "rate": round(args.runs / seconds, 1), "interrupted_after": len(asked), "results": results}


def broken(definition):
    """A definition that asks ReserveInventory for what it doesn't know, and catches nothing of it."""
    state = definition["States"]["ReserveInventory"]
    del state["Catch"]
    state["Parameters"]["action"] = "reserv"
    return definition


def of_report(path, runs):
    """Each run has one line; how many came to what."""
    lines = [entry for entry in entries(path) if entry["kind"] == "run"]
    ids = {line["id"] for line in lines}
    if len(lines) != runs or ids != {f"{WORKFLOW}/{name(n)}" for n in range(runs)}:
        raise Problem(f"the report has {len(lines):,} lines of {len(ids):,} of {runs:,} runs: {path}")
    planned = [run for entry in entries(path) if entry["kind"] == "page" for run in entry["runs"]]
    if sorted(planned) != sorted(ids):
        raise Problem(f"the report plans {len(planned):,} runs: {path}")
    results = {}
    for line in lines:
        results[line["result"]] = results.get(line["result"], 0) + 1
    if set(results) - {"done", "pending"}:
        raise Problem(f"not all were redriven: {results}")
    return results


def of_rate(command, runs, rate):
    """The seconds that it took; at the rate that was asked for, unless it was too short to tell."""
    seconds = command.seconds
    if runs > 2 * rate and not rate * RATE_LEAST <= runs / seconds <= rate * RATE_MOST:
        raise Problem(f"{runs:,} runs in {seconds:.1f} s are {runs / seconds:.1f} a second, and {rate} were asked for: "
                      "too fast, or this machine is too slow for it")
    return seconds


def entries(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines]


def name(n):
    return f"order-{n:06}"


def order(n):
    customer = {"name": "Ada", "email": f"c{n % 17}@example.org", "country": "DE"}
    return {"order_id": name(n), "placed_at": "2026-11-04T04:40:24Z", "currency": "EUR", "customer": customer,
            "shipping": {"street": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin"},
            "lines": [{"sku": SKU, "quantity": 1, "unit_price": 990}],
            "card": {"holder": "Ada", "number": "4242424242424242"}, "total": 990}


class Redrive:
    """The command on a terminal, so that it shows its progress."""

    def __init__(self, stack, words):
        terminal, theirs = pty.openpty()
        self.process = subprocess.Popen(stack.command(words), cwd=stack.work, env=stack.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=theirs, text=True)
        os.close(theirs)
        self.text, self.first, self.ended = "", None, None
        self.reader = threading.Thread(target=self.read, args=(terminal,))
        self.reader.start()

    def read(self, terminal):
        while True:
            try:
                read = os.read(terminal, 4096)
            except OSError:
                return
            if not read:
                return
            self.text += read.decode(errors="replace")
            if "runs redriven" in self.text:
                self.ended = time.monotonic()
                self.first = self.first or self.ended

    def stop_at(self, runs, report):
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if report.exists() and report.read_bytes().count(b'"kind":"run"') >= runs:
                break
            time.sleep(0.05)
        self.process.send_signal(signal.SIGINT)

    def wait(self):
        try:
            self.out = self.process.communicate(timeout=PATIENCE_SECONDS)[0]
        except BaseException:
            self.process.kill()
            raise
        self.code = self.process.returncode
        self.reader.join()
        return self.code

    @property
    def seconds(self):
        """From the first line of progress to the last."""
        return self.ended - self.first

    def shown(self):
        lines = re.findall(r"[\d,]+(?: of [\d,]+)? runs redriven[^\r\n\x1b]*", self.text)
        if not lines:
            raise Problem(f"no progress was shown: {self.text}")
        return f"the last of {len(lines):,} status lines: {lines[-1]}"


class Stack(dev.Server):
    """`stepladder dev`, without sample orders."""

    def __init__(self, profile, work):
        self.program, self.work, self.env = dev.programs(profile) / "stepladder", work, dev.environment()
        super().__init__([self.program, "dev", "--no-build", "--profile", profile], work / "dev.log", WORKFLOW, "make redrive-proof")

    def command(self, words):
        return [str(word) for word in [self.program, "--endpoint", self.url, *words]]

    def planned(self):
        """What the query means, without doing anything."""
        words = self.command([*REDRIVE, "--where", QUERY, "--dry-run", "-o", "json"])
        done = subprocess.run(words, cwd=self.work, env=self.env, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def update(self, definition):
        request = {"stateMachineArn": MACHINE, "definition": json.dumps(definition)}
        dev.call(self.url, "states", "AWSStepFunctions.UpdateStateMachine", request)
        # Functions take the new one within seconds.
        time.sleep(6)

    def stock(self, pieces):
        item = {"pk": {"S": f"STOCK#{SKU}"}, "sk": {"S": "STOCK"}, "available": {"N": str(pieces)}}
        dev.call(self.url, "dynamodb", "DynamoDB_20120810.PutItem", {"TableName": "stepladder-orders", "Item": item})

    async def start_all(self, runs):
        turns = asyncio.Semaphore(STARTS_AT_ONCE)

        async def start(n):
            async with turns:
                status, body = await self.http("POST", f"/api/v1/workflows/{WORKFLOW}/runs", {"name": name(n), "input": order(n)})
            if status != 202:
                raise Problem(f"{name(n)} was not started: {status} {body}")

        await asyncio.gather(*(start(n) for n in range(runs)))
        self.free.clear()

    async def all_succeeded(self, runs):
        """Until each run has succeeded, redriven once; what stands still is told."""
        began = time.monotonic()
        while True:
            left = {name(n) for n in range(runs)}
            async for run in self.runs(WORKFLOW):
                if run["status"] == "SUCCEEDED":
                    if run["redrive_count"] != 1:
                        raise Problem(f"{run['id']} was redriven {run['redrive_count']} times")
                    left.discard(run["name"])
            if not left:
                self.free.clear()
                return
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise Problem(f"{len(left)} runs have not succeeded: {sorted(left)[:5]}")
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    dev.run("redrive-proof", main)
