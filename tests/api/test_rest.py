"""The REST API, by urllib: what it tells of orders and hires on their way and at their end, and what it refuses."""

import json
import time
from datetime import datetime, timedelta, timezone

from client import FAIL, PATIENCE_SECONDS, ROOT, WAIT, ApiTest, at_dev_alone, rest, sqs

ARN = "arn:aws:states:us-east-1:000000000000"
SAMPLES = ROOT / "functions/order-processing/samples"
HIRES = ROOT / "functions/employee-onboarding/samples/hires.jsonl"
# Of the first of them one succeeds and the others end by different errors.
ORDERS = [0, 1, 3, 4]


def run_of(execution):
    """The REST API's id of what AWS's API calls an execution."""
    return "/".join(execution.split(":")[-2:])


def in_days(days):
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@at_dev_alone
class Rest(ApiTest):
    def orders(self):
        """Some sample orders, once they have ended: the ids of their runs, and how each should."""
        lines = (SAMPLES / "orders.jsonl").read_text().splitlines()
        expected = (SAMPLES / "orders.expected.jsonl").read_text().splitlines()
        machine = f"{ARN}:stateMachine:order-processing"
        executions = [self.started(machine, name=self.unique("order"), input=lines[n]) for n in ORDERS]
        for execution in executions:
            self.ended(execution)
        return executions, [json.loads(expected[n]) for n in ORDERS]

    def hire(self):
        """A hire that waits for its approval."""
        machine = f"{ARN}:stateMachine:employee-onboarding"
        execution = self.started(machine, name=self.unique("hire"), input=HIRES.read_text().splitlines()[0])
        self.addCleanup(self.client.stop_execution, executionArn=execution)
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            waits = self.got(f"/runs/{run_of(execution)}")["waits"]
            if [(wait["state"], wait["awaiting"]) for wait in waits] == [("RequestApproval", "answer")]:
                return run_of(execution), waits[0]
            self.assertLess(time.monotonic(), until, waits)
            time.sleep(0.1)

    def test_orders_are_listed_and_told(self):
        executions, expected = self.orders()
        runs = {run["id"]: run for page in self.pages("/runs", "runs", workflow="order-processing", limit=3) for run in page}
        for execution, end in zip(executions, expected):
            listed, one = runs[run_of(execution)], self.got(f"/runs/{run_of(execution)}", data="true")
            self.assertEqual((listed["status"], listed["error"]), (end["status"], end.get("error")))
            self.assertEqual(listed, {name: one[name] for name in listed})
            described = self.client.describe_execution(executionArn=execution)
            self.assertEqual(one["data"]["input"]["value"], json.loads(described["input"]))
            self.assertEqual(one["data"]["input"]["bytes"], len(json.dumps(one["data"]["input"]["value"], ensure_ascii=False,
                                                                           separators=(",", ":")).encode()))
            output = one["data"]["output"] and one["data"]["output"]["value"]
            self.assertEqual(output, json.loads(described.get("output", "null")))
            self.assertEqual((one["cause"], one["waits"]), (described.get("cause"), []))
        failed = [run for page in self.pages("/runs", "runs", workflow="order-processing", status="FAILED") for run in page]
        self.assertEqual({run["status"] for run in failed}, {"FAILED"})
        started = [run["started_at"] for run in runs.values()]
        self.assertEqual(started, sorted(started, reverse=True))
        both = self.pages("/runs", "runs", workflow="order-processing", status=["FAILED", "SUCCEEDED"], limit=500)
        self.assertEqual({run["id"] for page in both for run in page}, set(runs))
        self.assertTrue(set(runs) <= {run["id"] for page in self.pages("/runs", "runs", limit=100) for run in page})

    def test_a_history_is_the_one_that_aws_has(self):
        [execution, *_], _ = self.orders()
        paginator = self.client.get_paginator("get_execution_history")
        events = [event for page in paginator.paginate(executionArn=execution) for event in page["events"]]
        expected = [(event["id"], event["previousEventId"], event["type"]) for event in events]
        for order in ["oldest", "newest"]:
            pages = self.pages(f"/runs/{run_of(execution)}/history", "events", order=order, limit=3)
            told = [(event["id"], event["previous_id"], event["type"]) for page in pages for event in page]
            self.assertEqual(told, expected if order == "oldest" else expected[::-1])
            self.assertEqual({len(page) for page in pages[:-1]}, {3})
        first = self.got(f"/runs/{run_of(execution)}/history", data="true", limit=1)
        self.assertEqual(first["count"], len(events))
        told = first["events"][0]["details"]["input"]
        self.assertEqual(told, json.loads(events[0]["executionStartedEventDetails"]["input"]))

    def test_workflows_and_their_graphs(self):
        names = [one["name"] for page in self.pages("/workflows", "workflows", limit=2) for one in page]
        self.assertEqual(names, sorted(names))
        self.assertTrue({"order-processing", "employee-onboarding", "first-day"} <= set(names))
        one = self.got("/workflows/order-processing")
        definition = json.loads((ROOT / "functions/order-processing/workflow.asl.json").read_text())
        self.assertEqual(one["definition"]["states_language"], definition)
        graph = self.got("/workflows/order-processing/graph", definition=one["definition"]["hash"])
        self.assertEqual({node["name"] for node in graph["graph"]["top"]["nodes"]}, set(definition["States"]))

    def test_queues_are_those_of_the_system_and_of_the_steps(self):
        pages = self.pages("/queues", "queues", limit=5)
        queues = {queue["name"]: queue for page in pages for queue in page}
        self.assertTrue({"start", "timer", "dead-letter", "parked", "validate-order", "send-welcome"} <= set(queues))
        self.assertEqual([queues[name]["is_system"] for name in ["timer", "validate-order"]], [True, False])
        self.assertTrue(all(isinstance(queue[count], int) for queue in queues.values()
                            for count in ["visible", "in_flight", "delayed"]))

    def test_dead_letters_are_shown_and_stay(self):
        url = sqs().get_queue_url(QueueName="stepladder-parked")["QueueUrl"]
        reason = self.unique("reason")
        parked = {"v": 1, "reason": reason, "queue": "validate-order", "message_id": "m-1", "receive_count": 5,
                  "run": "order-processing/o-1", "body": "{}"}
        sqs().send_message(QueueUrl=url, MessageBody=json.dumps(parked))
        for _ in range(2):
            letters = self.got("/dead-letters", data="true")
            letter = next(letter for letter in letters["messages"] if letter["reason"] == reason)
            self.assertEqual((letter["run"], letter["from"], letter["receive_count"]),
                             ("order-processing/o-1", "validate-order", 5))
            self.assertTrue(letter["payload"]["is_included"], letter)
        self.assertIsNone(self.got("/dead-letters")["messages"][0]["payload"])
        self.assertEqual(self.got("/dead-letters", queue="dead-letter")["queue"], "dead-letter")

    def test_a_run_is_stopped_once(self):
        run = run_of(self.started(self.machine(WAIT)))
        status, _, body = rest(f"/runs/{run}/stop", body={"error": "Enough", "cause": "no more"})
        self.assertEqual((status, body), (200, {"id": run, "is_done": True}))
        told = self.got(f"/runs/{run}")
        self.assertEqual((told["status"], told["error"], told["cause"]), ("ABORTED", "Enough", "no more"))
        self.assertEqual(self.problem(409, "SL1205", f"/runs/{run}/stop", body={}), "the run is ABORTED")

    def test_a_run_and_a_workflow_are_paused_and_resumed(self):
        run = run_of(self.started(self.machine(WAIT)))
        workflow = run.split("/")[0]
        for path, id in [(f"/runs/{run}", run), (f"/workflows/{workflow}", workflow)]:
            self.assertFalse(self.got(path)["paused"])
            for to, paused in [("pause", True), ("pause", True), ("resume", False), ("resume", False)]:
                status, _, body = rest(f"{path}/{to}", body={})
                self.assertEqual((status, body), (200, {"id": id, "paused": paused}))
                self.assertEqual(self.got(path)["paused"], paused)
        # By its workflow, too.
        rest(f"/workflows/{workflow}/pause", body={})
        rest(f"/runs/{run}/pause", body={})
        self.assertEqual(rest(f"/runs/{run}/resume", body={})[2], {"id": run, "paused": True})
        rest(f"/workflows/{workflow}/resume", body={})
        self.assertFalse(self.got(f"/runs/{run}")["paused"])
        rest(f"/runs/{run}/stop", body={})
        self.assertEqual(self.problem(409, "SL1205", f"/runs/{run}/pause", body={}), "the run is ABORTED")
        self.problem(404, "SL1202", f"/runs/{workflow}/none/pause", body={})
        self.problem(404, "SL1201", "/workflows/none/pause", body={})

    def test_timers_are_what_runs_wait_for(self):
        hire, waits = self.hire()
        machine = self.machine(WAIT)
        hours = [run_of(self.started(machine)) for _ in range(3)]
        self.started(self.machine(FAIL))
        page = self.got("/timers", limit=100)
        due = [timer["due_at"] for timer in page["timers"]]
        self.assertEqual(due, sorted(due))
        timers = {(timer["run"], timer["kind"]): timer for timer in page["timers"]}
        approval = timers[hire, "timeout"]
        self.assertEqual((approval["state"], approval["due_at"]), ("RequestApproval", waits["due_at"]))
        self.assertEqual({timers[run, "wait"]["state"] for run in hours}, {"W"})
        workflow = hours[0].split("/")[0]
        pages = self.pages("/timers", "timers", workflow=workflow, limit=1)
        self.assertEqual(sorted(timer["run"] for page in pages for timer in page), sorted(hours))
        self.assertTrue(all(len(page) <= 1 for page in pages))
        soon = self.got("/timers", limit=100, before=in_days(1))["timers"]
        self.assertTrue(set(hours) <= {timer["run"] for timer in soon})
        self.assertNotIn(hire, {timer["run"] for timer in soon})
        for kind in ["wait", "timeout"]:
            told = self.got("/timers", limit=100, kind=kind)["timers"]
            self.assertEqual({timer["kind"] for timer in told}, {kind})
        for run in hours:
            rest(f"/runs/{run}/stop", body={})
        self.assertEqual(self.got("/timers", workflow=workflow)["timers"], [])

    def test_what_is_wrong_is_refused_with_a_code(self):
        run = run_of(self.started(self.machine(FAIL)))
        for path in ["", "/", "/run", "/runs/w", "/runs/", f"/runs/{run}/x", "/problems"]:
            self.problem(404, "SL1501", path)
        for path in ["/runs/none/x", "/runs/none/x/history", "/runs/a%20b/x", "/runs/%00/x"]:
            self.problem(404, "SL1202", path)
        for path in ["/workflows/none", "/workflows/none/graph", "/runs?workflow=none", "/timers?workflow=none"]:
            self.problem(404, "SL1201", path)
        self.problem(404, "SL1114", "/problems/SL9999")
        for path in ["/runs?limit=0", "/runs?limit=501", "/runs?limit=x", "/runs?status=failed", "/runs?x=1", "/runs?workflow=",
                     "/timers?limit=101", "/timers?kind=step", "/timers?before=tomorrow", "/timers?before=2026-01-31",
                     "/timers?before=2026-02-30T00:00:00Z", "/queues?limit=201", "/dead-letters?queue=timer",
                     "/dead-letters?limit=51", f"/runs/{run}?data=1", f"/runs/{run}/history?order=up", "/openapi.json?x"]:
            self.problem(400, "SL1503", path)
        for path in ["/runs", "/timers", "/workflows", "/queues", f"/runs/{run}/history"]:
            self.problem(400, "SL1504", path, cursor="x")
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]:
            self.problem(405, "SL1502", "/runs", method=method)
        stop = f"/runs/{run}/stop"
        self.problem(405, "SL1502", stop)
        for body in ["[]", "{", "1", '{"error": 1}', '{"cause": null, "error": []}']:
            self.problem(400, "SL1505", stop, body=body)
        self.problem(415, "SL1506", stop, body="{}", headers={"Content-Type": "text/plain"})
        self.problem(413, "SL1507", stop, body=" " * (1024 * 1024 + 1))
        self.problem(403, "SL1511", "/runs", headers={"Sec-Fetch-Site": "cross-site"})
