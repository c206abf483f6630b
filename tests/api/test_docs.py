"""What docs/rest-api.md and docs/callbacks.md tell a reader to type: it works as it stands there."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

from client import ENDPOINT, PATIENCE_SECONDS, ROOT, WAIT, ApiTest, at_dev_alone, rest

PROGRAM = os.environ.get("STEPLADDER_API_PROGRAM", "stepladder")
WRITTEN = "http://127.0.0.1:7700"
ARN = "arn:aws:states:us-east-1:000000000000"


def document(name):
    return (ROOT / "docs" / name).read_text().replace(WRITTEN, ENDPOINT)


def blocks(text, language):
    """What stands between fences of this language."""
    return [block for named, block in re.findall(r"^```(.*)\n((?:(?!```).*\n)*)```$", text, re.MULTILINE) if named == language]


def commands(block):
    """The commands of a block, each on one line."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def bash(script, **environment):
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True,
                         timeout=PATIENCE_SECONDS, env={**os.environ, **environment})
    if ran.returncode:
        raise AssertionError(f"{script}\nexit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


@at_dev_alone
@unittest.skipUnless(shutil.which("curl") and shutil.which("jq"), "curl or jq is not there")
class RestApi(ApiTest):
    text = document("rest-api.md")

    def test_each_command_answers(self):
        execution = self.started(self.machine(WAIT))
        ran = 0
        for block in blocks(self.text, ""):
            lines = commands(block)
            self.assertTrue(all("curl" in line for line in lines), block)
            # A line may name what one above it has set.
            outputs = bash("\n".join(f"{line}\nprintf '\\0'" for line in lines)).split("\0")
            for line, output in zip(lines, outputs):
                self.assertNotRegex(output, r'"type": *"/api/v1/problems/', line)
                self.assertTrue(output.strip() or re.match(r"\w+=", line), line)
                ran += 1
        self.assertEqual(ran, self.text.count("curl -s"))
        ended = self.ended(execution)
        self.assertEqual((ended["status"], ended["cause"]), ("ABORTED", "no more"))

    def test_the_problem_is_the_one_that_is_shown(self):
        [shown] = blocks(self.text, "json")
        status, media, body = rest("/runs/order/17")
        self.assertEqual((status, media, body), (404, "application/problem+json", json.loads(shown)))

    def test_the_paths_are_those_that_are_there(self):
        told = set(re.findall(r"^\| `([A-Z]+) (/api/v1/[^`]*)` \|", self.text, re.MULTILINE))
        paths = self.got("/openapi.json")["paths"]
        there = {(method.upper(), path) for path, methods in paths.items() for method in methods}
        self.assertEqual(told, there - {("GET", "/api/v1/openapi.json")})

    def test_each_code_can_be_explained(self):
        codes = set(re.findall(r"SL\d{4}", self.text))
        self.assertGreater(len(codes), 15)
        for code in codes:
            self.assertEqual(self.got(f"/problems/{code}")["code"], code)
        self.assertIn(self.got("/problems/SL1202")["title"], bash(f"'{PROGRAM}' explain SL1202"))
        listed = bash(f"'{PROGRAM}' explain")
        self.assertEqual([code for code in codes if code not in listed], [])


@at_dev_alone
class Callbacks(ApiTest):
    text = document("callbacks.md")

    def definitions(self):
        """The states that are shown as whole ones, by name."""
        whole = [block for block in blocks(self.text, "json") if re.match(r'"\w+": \{', block)]
        return {name: state for block in whole for name, state in json.loads(f"{{{block}}}").items()}

    @unittest.skipUnless(shutil.which("aws"), "the AWS CLI is not there")
    def test_each_command_does_what_it_says(self):
        shown = [line for block in blocks(self.text, "sh") for line in commands(block)]
        exports = "\n".join(line for line in shown if line.startswith("export "))
        ends = {
            "send-task-success": ("SUCCEEDED", {"output": '{"approved": true, "by": "mara@example.com"}'}),
            "send-task-failure": ("FAILED", {"error": "NotMyDepartment", "cause": "ask jon@example.com"}),
            "send-task-heartbeat": ("RUNNING", {}),
        }
        for line in shown:
            if line.startswith("export "):
                continue
            name = line.split()[2]
            execution, token = self.waiting()
            bash(f"{exports}\n{line}", token=token)
            status, members = ends.pop(name)
            told = self.client.describe_execution(executionArn=execution) if status == "RUNNING" else self.ended(execution)
            self.assertEqual(told["status"], status)
            for member, value in members.items():
                read = json.loads if member == "output" else str
                self.assertEqual(read(told[member]), read(value))
            if status == "RUNNING":
                self.client.stop_execution(executionArn=execution)
        self.assertEqual(ends, {})

    def test_the_worker_answers(self):
        [worker] = blocks(self.text, "python")
        running = subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            activity, until = f"{ARN}:activity:print-label", time.monotonic() + PATIENCE_SECONDS
            while activity not in [one["activityArn"] for one in self.client.list_activities()["activities"]]:
                self.assertTrue(running.poll() is None and time.monotonic() < until, "the worker does not begin")
                time.sleep(0.1)
            state = self.definitions()["PrintLabel"]
            machine = self.machine({"StartAt": "PrintLabel", "States": {"PrintLabel": state}})
            ended = self.ended(self.started(machine, input='{"order_id": 17}'))
            self.assertEqual((ended["status"], json.loads(ended["output"])), ("SUCCEEDED", {"printed": 17}))
            failed = self.ended(self.started(machine, input="{}"))
            self.assertEqual((failed["status"], failed["error"], failed["cause"]), ("FAILED", "KeyError", "'order_id'"))
        finally:
            running.kill()
            running.communicate()

    def test_each_state_is_one(self):
        states = self.definitions()
        self.assertEqual(set(states), {"RequestApproval", "PrintLabel", "FirstDay"})
        for name, state in states.items():
            following = [state.get("Next"), *(catcher["Next"] for catcher in state.get("Catch", []))]
            others = {other: {"Type": "Succeed"} for other in following if other}
            definition = json.dumps({"StartAt": name, "States": {name: state, **others}})
            answer = self.client.validate_state_machine_definition(definition=definition)
            self.assertEqual((answer["result"], answer["diagnostics"]), ("OK", []), name)
