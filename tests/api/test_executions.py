"""StartExecution, DescribeExecution, StopExecution, ListExecutions, GetExecutionHistory, StartSyncExecution, Map Runs."""

import json
import threading
from pathlib import Path

from client import FAIL, PASS, WAIT, ApiTest, by_the_aws_cli, client

SAMPLES = Path(__file__).resolve().parents[2] / "functions/order-processing/samples"
ORDERS = "arn:aws:states:us-east-1:000000000000:stateMachine:order-processing"


def lines(name):
    return [json.loads(line) for line in (SAMPLES / f"{name}.jsonl").read_text("utf-8").splitlines()]


class Executions(ApiTest):
    def test_an_execution_runs_to_its_end(self):
        machine = self.machine(PASS)
        started = self.client.start_execution(stateMachineArn=machine, name="one", input='{"a": 1}')
        self.assertEqual(started["executionArn"], machine.replace(":stateMachine:", ":execution:") + ":one")
        described = self.ended(started["executionArn"])
        self.assertEqual(described["status"], "SUCCEEDED")
        self.assertEqual(json.loads(described["output"]), {"a": 1})
        self.assertEqual(described["startDate"], started["startDate"])
        self.assertGreaterEqual(described["stopDate"], described["startDate"])
        self.assertEqual(self.client.list_map_runs(executionArn=started["executionArn"])["mapRuns"], [])

    def test_a_start_is_idempotent_while_it_runs(self):
        machine = self.machine(WAIT)
        start = {"stateMachineArn": machine, "name": "one", "input": "{}"}
        first, second = self.client.start_execution(**start), self.client.start_execution(**start)
        self.assertEqual((first["executionArn"], first["startDate"]), (second["executionArn"], second["startDate"]))
        self.refused("ExecutionAlreadyExists", self.client.start_execution, **{**start, "input": "[]"})
        self.client.stop_execution(executionArn=first["executionArn"])
        self.refused("ExecutionAlreadyExists", self.client.start_execution, **start)

    def test_bad_starts_are_refused(self):
        machine = self.machine(PASS)
        start = self.client.start_execution
        self.refused("StateMachineDoesNotExist", start, stateMachineArn=machine + "x")
        self.refused("InvalidArn", start, stateMachineArn="x")
        self.refused("InvalidName", start, stateMachineArn=machine, name="a b")
        self.refused("InvalidExecutionInput", start, stateMachineArn=machine, input="no JSON")
        loose = client(parameter_validation=False)
        self.refused("ValidationException", loose.start_execution, stateMachineArn=machine, name="n" * 81)
        self.refused("ValidationException", loose.start_execution, message="1 validation error detected: Value null")

    def test_an_execution_is_stopped(self):
        execution = self.started(self.machine(WAIT))
        stopped = self.client.stop_execution(executionArn=execution, error="Enough", cause="of it")
        described = self.ended(execution)
        self.assertEqual((described["status"], described["error"], described["cause"]), ("ABORTED", "Enough", "of it"))
        self.assertEqual(described["stopDate"], stopped["stopDate"])
        events = self.client.get_execution_history(executionArn=execution)["events"]
        self.assertEqual(events[-1]["type"], "ExecutionAborted")
        self.assertEqual(events[-1]["executionAbortedEventDetails"], {"error": "Enough", "cause": "of it"})

    def test_an_execution_is_redriven(self):
        execution = self.started(self.machine(WAIT))
        self.refused("ExecutionNotRedrivable", self.client.redrive_execution, executionArn=execution)
        self.client.stop_execution(executionArn=execution)
        self.assertEqual(self.ended(execution)["redriveStatus"], "REDRIVABLE")
        redriven = self.client.redrive_execution(executionArn=execution, clientToken="one")
        again = self.client.redrive_execution(executionArn=execution, clientToken="one")
        self.assertEqual(again["redriveDate"], redriven["redriveDate"])
        described = self.client.describe_execution(executionArn=execution)
        self.assertEqual((described["status"], described["redriveCount"]), ("RUNNING", 1))
        self.assertEqual(described["redriveDate"], redriven["redriveDate"])
        events = self.client.get_execution_history(executionArn=execution)["events"]
        event = next(event for event in events if event["type"] == "ExecutionRedriven")
        self.assertEqual(event["executionRedrivenEventDetails"], {"redriveCount": 1})
        self.client.stop_execution(executionArn=execution)

    def test_what_is_not_there_is_refused(self):
        execution = self.started(self.machine(PASS)) + "x"
        for call in [self.client.describe_execution, self.client.stop_execution, self.client.redrive_execution, self.client.get_execution_history,
                     self.client.list_map_runs, self.client.describe_state_machine_for_execution]:
            self.refused("ExecutionDoesNotExist", call, message=execution, executionArn=execution)
            self.refused("InvalidArn", call, executionArn="x")

    def test_a_map_run_that_is_not_there_is_refused(self):
        machine = self.machine(PASS)
        map_run = machine.replace(":stateMachine:", ":mapRun:") + "/Map:0f8fad5b-d9cb-469f-a165-70867728950e"
        describe, update = self.client.describe_map_run, self.client.update_map_run
        answer = self.refused("ResourceNotFound", describe, message=f"Resource not found: '{map_run}'", mapRunArn=map_run)
        self.assertEqual(answer["resourceName"], map_run)
        for change in [{"maxConcurrency": 0}, {"toleratedFailureCount": 3}, {"toleratedFailurePercentage": 12.5}]:
            self.refused("ResourceNotFound", update, message=map_run, mapRunArn=map_run, **change)
        for arn in ["x", machine, map_run.partition("/")[0]]:
            self.refused("InvalidArn", describe, mapRunArn=arn)
            self.refused("InvalidArn", update, mapRunArn=arn, maxConcurrency=1)
        answer = self.refused("ValidationException", update, mapRunArn=map_run)
        self.assertEqual(answer["reason"], "MISSING_REQUIRED_PARAMETER")
        loose = client(parameter_validation=False).update_map_run
        for change in [{"maxConcurrency": -1}, {"toleratedFailureCount": -1}, {"toleratedFailurePercentage": 100.5}]:
            self.refused("ValidationException", loose, message=f"at '{next(iter(change))}'", mapRunArn=map_run, **change)

    def test_the_map_run_of_an_execution_and_its_children(self):
        processor = {**PASS, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
        each = {"Type": "Map", "Label": "Rows", "MaxConcurrency": 2, "ItemProcessor": processor, "End": True}
        machine = self.machine({"StartAt": "Each", "States": {"Each": each}})
        execution = self.started(machine, input="[1, 2, 3]")
        self.assertEqual(self.ended(execution)["status"], "SUCCEEDED")
        [listed] = self.client.get_paginator("list_map_runs").paginate(executionArn=execution).search("mapRuns")
        self.assertEqual((listed["executionArn"], listed["stateMachineArn"]), (execution, f"{machine}/Rows"))
        map_run = self.client.describe_map_run(mapRunArn=listed["mapRunArn"])
        self.assertEqual((map_run["status"], map_run["maxConcurrency"]), ("SUCCEEDED", 2))
        for counts in [map_run["itemCounts"], map_run["executionCounts"]]:
            self.assertEqual((counts["succeeded"], counts["total"]), (3, 3))
        pages = self.client.get_paginator("list_executions").paginate(
            mapRunArn=map_run["mapRunArn"], statusFilter="SUCCEEDED", PaginationConfig={"PageSize": 2})
        children = list(pages.search("executions"))
        self.assertEqual([child["itemCount"] for child in children], [1, 1, 1])
        described = [self.client.describe_execution(executionArn=child["executionArn"]) for child in children]
        self.assertEqual([child["output"] for child in described], ["3", "2", "1"])
        self.assertEqual({child["mapRunArn"] for child in described}, {map_run["mapRunArn"]})

    def test_a_map_run_that_runs_is_updated(self):
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
        processor = {**wait, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
        each = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": processor, "End": True}
        machine = self.machine({"StartAt": "Each", "States": {"Each": each}})
        execution = self.started(machine, input="[1, 2, 3, 4, 5]")
        [listed] = self.client.list_map_runs(executionArn=execution)["mapRuns"]
        change = {"mapRunArn": listed["mapRunArn"], "maxConcurrency": 4, "toleratedFailurePercentage": 12.5}
        answer = self.client.update_map_run(**change)
        self.assertEqual(set(answer), {"ResponseMetadata"})
        for _ in range(2):
            map_run = self.client.describe_map_run(mapRunArn=listed["mapRunArn"])
            self.assertEqual((map_run["maxConcurrency"], map_run["toleratedFailurePercentage"]), (4, 12.5))
            self.assertEqual(self.ended(execution)["output"], "[1,2,3,4,5]")
        self.assertEqual((map_run["status"], map_run["executionCounts"]["succeeded"]), ("SUCCEEDED", 5))
        answer = self.refused("ValidationException", self.client.update_map_run, **change)
        self.assertEqual(answer["reason"], "CANNOT_UPDATE_COMPLETED_MAP_RUN")

    def test_executions_are_listed_by_the_paginator(self):
        machine = self.machine(WAIT)
        arns = [self.started(machine, name=f"n{n}") for n in range(7)]
        self.client.stop_execution(executionArn=arns[2])
        paginator = self.client.get_paginator("list_executions")

        def listed(**more):
            pages = paginator.paginate(stateMachineArn=machine, **more)
            return [item["executionArn"] for page in pages for item in page["executions"]]

        # The list's index may be a moment behind.
        self.assertEqual(sorted(listed(PaginationConfig={"PageSize": 3})), sorted(arns))
        self.assertEqual(listed(statusFilter="ABORTED"), [arns[2]])
        self.assertEqual(len(listed(statusFilter="RUNNING", PaginationConfig={"PageSize": 2})), 6)
        starts = [item["startDate"] for item in self.client.list_executions(stateMachineArn=machine)["executions"]]
        self.assertEqual(starts, sorted(starts, reverse=True))
        self.refused("InvalidToken", self.client.list_executions, stateMachineArn=machine, nextToken="x")
        self.refused("StateMachineDoesNotExist", self.client.list_executions, stateMachineArn=machine + "x")
        token = self.client.list_executions(stateMachineArn=machine, maxResults=1)["nextToken"]
        self.refused("InvalidToken", self.client.list_executions, stateMachineArn=machine, nextToken=token, statusFilter="FAILED")
        for execution in arns:
            self.client.stop_execution(executionArn=execution)

    def test_a_history_comes_by_the_paginator_forwards_and_backwards(self):
        states = {f"S{n}": {"Type": "Pass", **({"Next": f"S{n + 1}"} if n < 9 else {"End": True})} for n in range(10)}
        execution = self.started(self.machine({"StartAt": "S0", "States": states}), input='{"secret": 1}')
        self.ended(execution)
        paginator = self.client.get_paginator("get_execution_history")

        def events(size, **more):
            pages = paginator.paginate(executionArn=execution, PaginationConfig={"PageSize": size}, **more)
            return [event for page in pages for event in page["events"]]

        all_events = events(1000)
        self.assertEqual([event["id"] for event in all_events], list(range(1, 23)))
        self.assertEqual(events(4), all_events)
        self.assertEqual(events(5, reverseOrder=True), all_events[::-1])
        self.assertNotIn("secret", str(events(7, includeExecutionData=False)))
        entered = all_events[1]
        self.assertEqual((entered["type"], entered["stateEnteredEventDetails"]["name"]), ("PassStateEntered", "S0"))
        self.assertEqual(entered["stateEnteredEventDetails"]["inputDetails"], {"truncated": False})
        self.refused("InvalidToken", self.client.get_execution_history, executionArn=execution, nextToken="x")

    def test_an_order_goes_through_real_steps(self):
        pages = self.client.get_paginator("list_state_machines").paginate()
        self.assertIn(ORDERS, [machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]])
        order = next(order for order, end in zip(lines("orders"), lines("orders.expected")) if end["status"] == "SUCCEEDED")
        execution = self.started(ORDERS, name=self.unique("order"), input=json.dumps(order))
        self.assertEqual(self.ended(execution)["status"], "SUCCEEDED")
        types = [event["type"] for event in self.client.get_execution_history(executionArn=execution)["events"]]
        # Both kinds: by `lambda:invoke`, and by a function's own ARN.
        steps = [kind for kind in types if kind in ("TaskSucceeded", "LambdaFunctionSucceeded")]
        self.assertEqual((len(steps), set(steps)), (5, {"TaskSucceeded", "LambdaFunctionSucceeded"}))

    def test_a_sync_start_waits_for_the_end(self):
        machine = self.machine(PASS, type="EXPRESS")
        answer = self.client.start_sync_execution(stateMachineArn=machine, input='{"a": 1}')
        self.assertEqual((answer["status"], json.loads(answer["output"])), ("SUCCEEDED", {"a": 1}))
        self.assertEqual(self.client.describe_execution(executionArn=answer["executionArn"])["status"], "SUCCEEDED")
        answer = self.client.start_sync_execution(stateMachineArn=self.machine(FAIL, type="EXPRESS"))
        self.assertEqual((answer["status"], answer["error"], answer["cause"]), ("FAILED", "Bad", "it was to"))
        answer = self.client.start_sync_execution(stateMachineArn=self.machine(PASS), input='{"a": 2}')
        self.assertEqual((answer["status"], json.loads(answer["output"])), ("SUCCEEDED", {"a": 2}))

    def test_a_sync_start_hears_of_a_stop(self):
        machine = self.machine(WAIT, type="EXPRESS")
        answers = []
        call = {"stateMachineArn": machine, "name": "one"}
        thread = threading.Thread(target=lambda: answers.append(client().start_sync_execution(**call)))
        thread.start()
        execution = machine.replace(":stateMachine:", ":execution:") + ":one"
        while not self.client.list_executions(stateMachineArn=machine)["executions"]:
            pass
        self.client.stop_execution(executionArn=execution, error="Enough")
        thread.join(30)
        self.assertEqual([(answer["status"], answer["error"]) for answer in answers], [("FAILED", "Enough")])

    @by_the_aws_cli
    def test_the_aws_cli_starts_lists_and_pages(self):
        machine = self.machine(WAIT)
        of = ["--state-machine-arn", machine]
        start = ["start-execution", *of, "--name", "one", "--input", '{"a": 1}']
        execution = self.aws(*start)["executionArn"]
        self.assertEqual(self.aws(*start)["executionArn"], execution)
        two = self.started(machine, name="two")
        # Page by page, as the CLI does it by itself.
        listed = self.aws("list-executions", *of, "--page-size", "1")["executions"]
        self.assertEqual({item["executionArn"] for item in listed}, {execution, two})
        self.aws("stop-execution", "--execution-arn", execution, "--error", "Enough")
        events = self.aws("get-execution-history", "--execution-arn", execution, "--page-size", "2")["events"]
        self.assertEqual((events[0]["type"], events[-1]["executionAbortedEventDetails"]), ("ExecutionStarted", {"error": "Enough"}))
        self.client.stop_execution(executionArn=two)

    @by_the_aws_cli
    def test_the_aws_cli_tells_errors_by_their_type(self):
        machine = self.machine(PASS)
        self.aws("start-execution", "--state-machine-arn", machine + "x", refused="StateMachineDoesNotExist")
        self.aws("describe-execution", "--execution-arn", "x", refused="InvalidArn")
        self.aws("list-executions", "--state-machine-arn", machine, "--next-token", "x", refused="InvalidToken")
