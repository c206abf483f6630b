"""SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat, activities, nested workflows, and calls of other services."""

import json
import threading
import time
import uuid

from client import QUEUE_WAIT_SECONDS, ApiTest, client, sqs


class Tasks(ApiTest):
    def types(self, execution):
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event["type"] for page in pages for event in page["events"]]

    def test_a_token_is_answered_once(self):
        execution, token = self.waiting()
        self.client.send_task_heartbeat(taskToken=token)
        self.client.send_task_success(taskToken=token, output='{"approved": true}')
        self.refused("TaskTimedOut", self.client.send_task_success, taskToken=token, output="1")
        described = self.ended(execution)
        self.assertEqual((described["status"], json.loads(described["output"])), ("SUCCEEDED", {"approved": True}))
        self.assertEqual(self.types(execution)[2:6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"])
        self.refused("TaskTimedOut", self.client.send_task_heartbeat, taskToken=token)

    def test_a_failure_is_caught_by_its_name(self):
        done = {"Type": "Pass", "End": True}
        queue = sqs().create_queue(QueueName=f"approvals-{uuid.uuid4().hex}")["QueueUrl"]
        self.addCleanup(sqs().delete_queue, QueueUrl=queue)
        ask = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True,
               "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
               "Catch": [{"ErrorEquals": ["Declined"], "Next": "Done"}]}
        execution = self.started(self.machine({"StartAt": "Ask", "States": {"Ask": ask, "Done": done}}))
        message = sqs().receive_message(QueueUrl=queue, WaitTimeSeconds=QUEUE_WAIT_SECONDS)["Messages"][0]
        token = json.loads(message["Body"])["token"]
        self.client.send_task_failure(taskToken=token, error="Declined", cause="too much")
        described = self.ended(execution)
        self.assertEqual(json.loads(described["output"]), {"Error": "Declined", "Cause": "too much"})

    def test_a_heartbeat_that_stays_away_ends_the_wait(self):
        execution, token = self.waiting(HeartbeatSeconds=2, TimeoutSeconds=60)
        self.assertEqual(self.ended(execution)["error"], "States.Timeout")
        self.refused("TaskTimedOut", self.client.send_task_success, taskToken=token, output="1")

    def test_what_is_no_token_is_refused(self):
        execution, token = self.waiting()
        for wrong in ["x", token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), token[1:]]:
            self.refused("InvalidToken", self.client.send_task_success, taskToken=wrong, output="1")
            self.refused("InvalidToken", self.client.send_task_failure, taskToken=wrong)
            self.refused("InvalidToken", self.client.send_task_heartbeat, taskToken=wrong)
        self.refused("InvalidOutput", self.client.send_task_success, taskToken=token, output="{")
        self.client.stop_execution(executionArn=execution)
        self.refused("TaskTimedOut", self.client.send_task_success, taskToken=token, output="1")

    def test_a_worker_takes_tasks_of_an_activity(self):
        name = f"pack-{uuid.uuid4().hex}"
        activity = self.client.create_activity(name=name)["activityArn"]
        self.addCleanup(self.client.delete_activity, activityArn=activity)
        self.assertEqual(self.client.create_activity(name=name)["activityArn"], activity)
        self.assertEqual(self.client.describe_activity(activityArn=activity)["name"], name)
        listed = [one["name"] for page in self.client.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 1})
                  for one in page["activities"]]
        self.assertIn(name, listed)
        machine = self.machine({"StartAt": "P", "States": {"P": {"Type": "Task", "Resource": activity, "End": True,
                                                                "HeartbeatSeconds": 60}}})
        taken = []
        worker = threading.Thread(target=lambda: taken.append(
            client(read_timeout=70).get_activity_task(activityArn=activity, workerName="anna")))
        worker.start()
        execution = self.started(machine, input='{"boxes": 3}')
        worker.join(70)
        self.assertEqual(json.loads(taken[0]["input"]), {"boxes": 3})
        self.client.send_task_success(taskToken=taken[0]["taskToken"], output='"packed"')
        self.assertEqual(self.ended(execution)["output"], '"packed"')
        self.assertEqual(self.types(execution)[2:5], ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"])

    def test_activities_that_are_not_there_are_refused(self):
        missing = "arn:aws:states:us-east-1:000000000000:activity:missing"
        for call in [self.client.describe_activity, self.client.get_activity_task]:
            self.refused("ActivityDoesNotExist", call, activityArn=missing)
        self.client.delete_activity(activityArn=missing)
        self.refused("InvalidArn", self.client.delete_activity, activityArn="x")
        self.refused("InvalidName", self.client.create_activity, name="a b")

    def test_a_workflow_waits_for_another(self):
        inner = self.machine({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"sum": 3}, "End": True}}})
        call = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {"StateMachineArn": inner, "Input": {"a.$": "$.a"}}, "End": True}
        execution = self.started(self.machine({"StartAt": "C", "States": {"C": call}}), input='{"a": 1}')
        described = self.ended(execution)
        self.assertEqual(described["status"], "SUCCEEDED", described)
        output = json.loads(described["output"])
        self.assertEqual((output["Status"], output["Output"], output["Input"]), ("SUCCEEDED", {"sum": 3}, {"a": 1}))
        inner_run = self.client.describe_execution(executionArn=output["ExecutionArn"])
        self.assertEqual(inner_run["status"], "SUCCEEDED")

    def test_a_failure_of_another_workflow_is_the_tasks(self):
        fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "of course"}}}
        call = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync", "End": True,
                "Parameters": {"StateMachineArn": self.machine(fails)}}
        described = self.ended(self.started(self.machine({"StartAt": "C", "States": {"C": call}})))
        self.assertEqual((described["status"], described["error"]), ("FAILED", "States.TaskFailed"))
        cause = json.loads(described["cause"])
        self.assertEqual((cause["Status"], cause["Error"], cause["Cause"]), ("FAILED", "Broken", "of course"))

    def test_who_stops_a_workflow_stops_what_it_waits_for(self):
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
        inner = self.machine(wait)
        call = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync", "End": True,
                "Parameters": {"StateMachineArn": inner, "Name": "inner"}}
        execution = self.started(self.machine({"StartAt": "C", "States": {"C": call}}))
        child = inner.replace(":stateMachine:", ":execution:") + ":inner"
        until = time.monotonic() + 20
        while "TaskSubmitted" not in self.types(execution):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)
        self.client.stop_execution(executionArn=execution)
        self.assertEqual(self.ended(child)["status"], "ABORTED")

    def test_a_state_calls_services(self):
        queue = sqs().create_queue(QueueName=f"told-{uuid.uuid4().hex}")["QueueUrl"]
        self.addCleanup(sqs().delete_queue, QueueUrl=queue)
        send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "ResultPath": "$.sent", "Next": "Put",
                "Parameters": {"QueueUrl": queue, "MessageBody.$": "$.text"}}
        put = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "ResultPath": "$.put", "Next": "Get",
               "Parameters": {"TableName": "stepladder-orders",
                              "Item": {"pk": {"S.$": "$.key"}, "sk": {"S": "api-test"}, "n": {"N": "17"}}}}
        get = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "End": True, "OutputPath": "$.Item",
               "Parameters": {"TableName": "stepladder-orders", "Key": {"pk": {"S.$": "$.key"}, "sk": {"S": "api-test"}}}}
        machine = self.machine({"StartAt": "Send", "States": {"Send": send, "Put": put, "Get": get}})
        described = self.ended(self.started(machine, input=json.dumps({"text": "hello", "key": uuid.uuid4().hex})))
        self.assertEqual(described["status"], "SUCCEEDED", described)
        self.assertEqual(json.loads(described["output"])["n"], {"N": "17"})
        received = sqs().receive_message(QueueUrl=queue, WaitTimeSeconds=QUEUE_WAIT_SECONDS)["Messages"]
        self.assertEqual(received[0]["Body"], "hello")
