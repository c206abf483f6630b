#!/usr/bin/env python3
"""Proves an import: what a million generated rows come to in the table is, row by row, what oracle.py computes.

    run.py --rows N [--seed S] [--kill] [--profile ci] [--work FOLDER] [--program FILE]

Builds nothing: `make import-proof` has built what it runs. Generates the rows, lets `stepladder dev --import` load them, reads the
table through the local DynamoDB, and compares. With --kill it kills processes of the steps at random meanwhile. Goals are told, and
missing one is an error only with --goals; a wrong row, a failure at another line or a process above 256 MB always is.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "proofs"))

import dev  # noqa: E402
import oracle  # noqa: E402
from dev import ROOT, Problem  # noqa: E402

STEPS = {"ingest", "parse-rows", "transform-rows", "load-rows", "report"}
MEMORY_BYTES_MAX = 256 * 1024 * 1024
# On two cores: end to end, and through the reader and the two steps behind it, in one thread.
ROWS_PER_SECOND_GOAL = 5_000
READ_PER_SECOND_GOAL = 20_000
# A killed process gives its messages back after six of its function's timeouts.
PATIENCE_SECONDS = 3_600
SHOWN_MAX = 10


def say(text):
    print(f"import-proof: {text}", file=sys.stderr, flush=True)


def main():
    args = arguments()
    programs = dev.programs(args.profile)
    work = args.work or dev.target_folder() / "import-proof"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    file = work / "rows.csv"
    began = time.monotonic()
    run([programs / "examples" / "generate_rows", "--rows", args.rows, "--seed", args.seed, "--out", file])
    say(f"{args.rows:,} rows of seed {args.seed}, {file.stat().st_size / 1e6:.0f} MB, in {time.monotonic() - began:.1f} s")

    measured = json.loads(run([programs / "examples" / "measure_rows", file]))
    say(f"{measured['rows_per_second']:,.0f} rows/s through reader, parse and transform alone")

    stack = Stack(args, programs, work, file)
    try:
        told, failures = stack.imported()
        kills = stack.kills
        began = time.monotonic()
        loaded = dict(stack.rows())
        say(f"{len(loaded):,} rows read back in {time.monotonic() - began:.1f} s")
        noted = dict(stack.failures(told["run"].split("/", 1)[1]))
    finally:
        stack.end()
    rows, expected_failures = oracle.expected(file)
    problems = [*of_run(told), *of_rows(rows, loaded), *of_failures(expected_failures, failures, noted, told), *of_memory(told)]
    missed = report(told, measured, kills)
    for problem in problems[:SHOWN_MAX]:
        say(f"error: {problem}")
    if len(problems) > SHOWN_MAX:
        say(f"error: … and {len(problems) - SHOWN_MAX:,} more")
    if problems or (missed and args.goals):
        say(f"{work} keeps the rows and the log")
        return 1
    say(f"good: {len(rows):,} rows and {len(expected_failures):,} failures as oracle.py has them"
        + (f", after {kills} processes were killed" if args.kill else ""))
    shutil.rmtree(work)
    return 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--kill", action="store_true", help="kill processes of the steps at random")
    parser.add_argument("--goals", action="store_true", help="a missed goal is an error")
    parser.add_argument("--profile", default="ci", help="the cargo profile of what is run")
    parser.add_argument("--work", type=Path, help="a folder for rows, log and state; it is emptied first")
    return parser.parse_args()


def run(command):
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise Problem(f"{command[0]} is missing: `make import-proof` builds it") from None
    if done.returncode:
        raise Problem(f"{command[0]} ended with {done.returncode}")
    return done.stdout


class Stack:
    """`stepladder dev --import`, which stays up after the import."""

    def __init__(self, args, programs, work, file):
        self.port = dev.free_port()
        self.kill = args.kill
        self.kills = 0
        self.log = work / "dev.log"
        self.done = threading.Event()
        command = [programs / "stepladder", "dev", "--no-build", "--profile", args.profile, "--port", self.port,
                   "--data-dir", work / "data", "--import", file, "-o", "jsonl"]
        # On a terminal the progress is a live line; else it goes to the log.
        self.stderr = None if sys.stderr.isatty() and not args.kill else open(self.log, "w")
        try:
            self.process = subprocess.Popen([str(word) for word in command], cwd=ROOT, stdout=subprocess.PIPE,
                                            stderr=self.stderr, text=True)
        except FileNotFoundError:
            raise Problem(f"{command[0]} is missing: `make import-proof` builds it") from None

    def imported(self):
        """The summary, and the failures as it tells them: (line, reason)."""
        workers = [threading.Timer(PATIENCE_SECONDS, self.process.kill)]
        if self.kill:
            workers.append(threading.Thread(target=self.kill_some))
        for worker in workers:
            worker.daemon = True
            worker.start()
        failures = []
        try:
            for line in self.process.stdout:
                told = json.loads(line)
                if told["schema"] == "stepladder.import/1":
                    return told, failures
                failures.append((told["line"], told["reason"]))
        finally:
            self.done.set()
            workers[0].cancel()
        raise Problem(f"the import has told no end; {self.tail()}")

    def kill_some(self):
        """Kills a process of a step now and then, as if its machine had gone: of each step as often, so that the only one that is
        left at the end is not killed whenever it comes."""
        while not self.done.wait(random.uniform(0.1, 0.4)):
            step = random.choice(sorted(STEPS))
            children = [pid for pid, parent, name in processes() if parent == self.process.pid and name == step]
            if children:
                try:
                    os.kill(random.choice(children), signal.SIGKILL)
                    self.kills += 1
                except ProcessLookupError:
                    pass

    def rows(self):
        for item in self.items("Scan", {"FilterExpression": "sk = :row", "ExpressionAttributeValues": {":row": {"S": "ROW"}}}):
            row = {"line": int(item["line"]["N"]), "id": item["pk"]["S"].removeprefix("ROW#")}
            row |= {name: item[name]["S"] for name in ("customer", "email")}
            row |= {"amount_cents": int(item["amount_cents"]["N"])}
            yield row["id"], json.dumps(row | {name: item[name]["S"] for name in ("currency", "ordered_at")})

    def failures(self, name):
        """The failures as the table notes them."""
        condition = {"KeyConditionExpression": "pk = :pk AND begins_with(sk, :line)",
                     "ExpressionAttributeValues": {":pk": {"S": f"IMPORT#{name}"}, ":line": {"S": "LINE#"}}}
        for item in self.items("Query", condition):
            yield int(item["line"]["N"]), item["reason"]["S"]

    def items(self, operation, request):
        request = {"TableName": "stepladder-imports", "ConsistentRead": True, **request}
        while True:
            page = dev.call(f"http://127.0.0.1:{self.port}", "dynamodb", f"DynamoDB_20120810.{operation}", request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def end(self):
        self.done.set()
        dev.stop(self.process)
        if self.stderr:
            self.stderr.close()

    def tail(self):
        if not self.log.exists():
            return "what it said is above"
        return "its last words:\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def processes():
    """(pid, its parent, its program's name) of all that can be seen."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            yield int(folder.name), parent, (folder / "exe").readlink().name.removesuffix(" (deleted)")
        except (OSError, ValueError, IndexError):
            continue


def of_run(told):
    if told["status"] != "SUCCEEDED":
        yield f"the run ended {told['status']}: {told['error']}: {told['cause']}"


def of_rows(expected, loaded):
    for id, row in expected.items():
        if id not in loaded:
            yield f"{id} is not loaded: {row}"
        elif loaded[id] != row:
            yield f"{id} is {loaded[id]}, expected {row}"
    yield from (f"{id} is loaded, and should not be" for id in loaded.keys() - expected.keys())


def of_failures(expected, failures, noted, told):
    lines = [line for line, _ in failures]
    if len(set(lines)) != len(lines):
        yield "a line failed twice"
    for line, reason in failures:
        if line not in expected:
            yield f"line {line} failed, and should not have: {reason}"
        elif expected[line] != oracle.NOT_UTF8 and reason != expected[line]:
            yield f"line {line} failed by '{reason}', expected '{expected[line]}'"
    yield from (f"line {line} should have failed: {expected[line]}" for line in sorted(expected.keys() - set(lines)))
    # Why a row is no UTF-8, its reader says in its own words.
    plain = {line: reason if expected.get(line) != oracle.NOT_UTF8 else oracle.NOT_UTF8 for line, reason in noted.items()}
    if plain != expected:
        yield f"the table notes {len(noted):,} failures, expected {len(expected):,}, each with its line and reason"
    output = told["output"] or {}
    counts = (output.get("loaded"), output.get("failed"), output.get("failed_batches"))
    if counts != (told["loaded"], len(expected), 0):
        yield f"the run's output counts {counts} loaded rows, failed rows and failed batches"


def of_memory(told):
    for peak in told["processes"]:
        if peak["peak_bytes"] >= MEMORY_BYTES_MAX:
            yield f"a process of {peak['program']} took {peak['peak_bytes'] / 2**20:.0f} MiB"


def report(told, measured, kills):
    """Tells the figures; true if a goal was missed."""
    peaks = ", ".join(f"{peak['program']} {peak['peak_bytes'] / 2**20:.0f} ({peak['processes']})" for peak in told["processes"])
    say(f"{told['rows']:,} rows in {told['duration_ms'] / 1e3:.1f} s: {told['rows_per_second']:,.0f} rows/s, "
        f"{told['cpu_seconds_per_million_rows']} s of CPU per million rows")
    say(f"peak memory in MiB, and how many processes: {peaks}")
    goals = [("reader and transform", measured["rows_per_second"], READ_PER_SECOND_GOAL)]
    if not kills:
        goals.append(("end to end", told["rows_per_second"], ROWS_PER_SECOND_GOAL))
    for what, per_second, goal in goals:
        say(f"goal of {goal:,} rows/s {what}: {'reached' if per_second >= goal else 'missed'}")
    return any(per_second < goal for _, per_second, goal in goals)


if __name__ == "__main__":
    dev.run("import-proof", main)
