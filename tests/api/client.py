"""boto3's client as it comes, a client of the REST API by urllib alone, and what the tests say by them."""

import json
import os
import subprocess
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

import boto3
import sent
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("STEPLADDER_API_ENDPOINT", "http://127.0.0.1:7700")
# Where the queues and tables of the stack are.
SERVICES = os.environ.get("STEPLADDER_API_SERVICES", ENDPOINT)
IS_FUNCTION_URL = "STEPLADDER_API_IS_FUNCTION_URL" in os.environ
ROLE = "arn:aws:iam::000000000000:role/tests"
PATIENCE_SECONDS = 60
CLI_SECONDS_MAX = 60
# Operations that got an answer.
CALLED = set()
QUEUE_WAIT_SECONDS = 20
ROOT = Path(__file__).resolve().parent.parent.parent

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad", "Cause": "it was to"}}}


def client(**config):
    """StartSyncExecution and TestState would go to sync-127.0.0.1, which no resolver knows."""
    config = Config(inject_host_prefix=False, retries={"max_attempts": 2}, **config)
    made = boto3.client("stepfunctions", endpoint_url=ENDPOINT, config=config)
    sent.watch(made)
    if IS_FUNCTION_URL:
        made.meta.events.register("before-sign.sfn", sign_for_lambda)
    # Called too late to change anything.
    made.meta.events.register("after-call.sfn", lambda model, **_: CALLED.add(model.name))
    return made


def sign_for_lambda(request, **_):
    """As docs/step-functions-api.md has it."""
    request.context.setdefault("signing", {})["signing_name"] = "lambda"


# What can't be done at a function URL, and why.
by_the_aws_cli = unittest.skipIf(IS_FUNCTION_URL, "the AWS CLI signs for states, and a function URL takes what is signed for lambda")
at_dev_alone = unittest.skipUnless("STEPLADDER_API_PROGRAM" in os.environ, "it is about the workflows and programs of stepladder dev")
unsigned = unittest.skipIf(IS_FUNCTION_URL, "its calls are unsigned, and a function URL takes none such")


def never_called():
    """The operations that boto3 knows and no test has called."""
    return sorted(set(client().meta.service_model.operation_names) - CALLED)


def sqs():
    return boto3.client("sqs", endpoint_url=SERVICES)


def rest(path, body=None, method=None, headers=(), **query):
    """A request of the REST API: its status, content type and answer. A parameter may have several values."""
    url = f"{ENDPOINT}/api/v1{path}" + (f"?{urllib.parse.urlencode(query, doseq=True)}" if query else "")
    data = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=dict(headers))
    if data is not None and not request.has_header("Content-type"):
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            status, media, text = answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            status, media, text = refused.code, refused.headers["Content-Type"], refused.read()
    return status, media, json.loads(text)


class ApiTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.client = client()

    def unique(self, prefix):
        return f"{prefix}-{uuid.uuid4()}"

    def machine(self, definition, **more):
        """A state machine of its own; its ARN."""
        made = self.client.create_state_machine(
            name=self.unique("m"), definition=json.dumps(definition), roleArn=ROLE, **more)
        # So that they don't become too many for one list.
        self.addCleanup(self.client.delete_state_machine, stateMachineArn=made["stateMachineArn"])
        return made["stateMachineArn"]

    def started(self, machine, **more):
        return self.client.start_execution(stateMachineArn=machine, **more)["executionArn"]

    def ended(self, execution):
        """The execution, once it has ended."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            described = self.client.describe_execution(executionArn=execution)
            if described["status"] != "RUNNING":
                return described
            self.assertLess(time.monotonic(), until, f"{execution} has not ended")
            time.sleep(0.05)

    def waiting(self, **more):
        """A run that waits for the answer to a token, which it has sent to a queue: its ARN, and the token."""
        queue = sqs().create_queue(QueueName=f"approvals-{uuid.uuid4().hex}")["QueueUrl"]
        self.addCleanup(sqs().delete_queue, QueueUrl=queue)
        body = {"token.$": "$$.Task.Token", "order.$": "$.order"}
        state = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                 "Parameters": {"QueueUrl": queue, "MessageBody": body}, "End": True, **more}
        machine = self.machine({"StartAt": "Ask", "States": {"Ask": state}})
        execution = self.started(machine, input='{"order": 17}')
        received = sqs().receive_message(QueueUrl=queue, WaitTimeSeconds=QUEUE_WAIT_SECONDS)["Messages"]
        message = json.loads(received[0]["Body"])
        self.assertEqual(message["order"], 17)
        return execution, message["token"]

    def got(self, path, **query):
        """What the REST API answers with 200."""
        status, media, body = rest(path, **query)
        self.assertEqual((status, media), (200, "application/json"), body)
        return body

    def pages(self, path, member, **query):
        """A list of the REST API, page by page."""
        pages = []
        while True:
            page = self.got(path, **query)
            pages.append(page[member])
            if page["next"] is None:
                return pages
            query["cursor"] = page["next"]

    def problem(self, status, code, path, **request):
        """The request is refused so, as problem details."""
        given, media, body = rest(path, **request)
        self.assertEqual((given, media), (status, "application/problem+json"), body)
        self.assertEqual(set(body), {"type", "title", "status", "detail", "code", "run"})
        self.assertEqual((body["status"], body["code"], body["type"]), (status, code, f"/api/v1/problems/{code}"))
        self.assertTrue(body["title"] and body["detail"], body)
        return body["detail"]

    def refused(self, kind, call, /, message="", **parameters):
        """The call is refused with this type of error; boto3 knows it as an exception of its own."""
        with self.assertRaises(ClientError) as raised:
            call(**parameters)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], kind, error)
        self.assertIn(message, error["Message"])
        modelled = getattr(self.client.exceptions, kind, None) if kind in self.modelled() else ClientError
        self.assertIsInstance(raised.exception, modelled)
        return raised.exception.response

    def aws(self, *arguments, refused=None):
        """What the AWS CLI prints; nothing where the call is to be refused with this type of error."""
        command = ["aws", "stepfunctions", *arguments, "--endpoint-url", ENDPOINT, "--output", "json"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=CLI_SECONDS_MAX)
        if refused:
            self.assertIn(f"An error occurred ({refused})", answer.stderr)
        self.assertEqual(answer.returncode != 0, bool(refused), answer.stderr)
        return json.loads(answer.stdout or "null")

    def modelled(self):
        return {shape.name for shape in self.client.meta.service_model.error_shapes}
