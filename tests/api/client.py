"""boto3's client as it comes, and what the tests say by it."""

import json
import os
import time
import unittest
import uuid

import boto3
import sent
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("STEPLADDER_API_ENDPOINT", "http://127.0.0.1:7700")
ROLE = "arn:aws:iam::000000000000:role/tests"
PATIENCE_SECONDS = 60

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad", "Cause": "it was to"}}}


def client(**config):
    """StartSyncExecution and TestState would go to sync-127.0.0.1, which no resolver knows."""
    config = Config(inject_host_prefix=False, retries={"max_attempts": 2}, **config)
    made = boto3.client("stepfunctions", endpoint_url=ENDPOINT, config=config)
    sent.watch(made)
    return made


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

    def modelled(self):
        return {shape.name for shape in self.client.meta.service_model.error_shapes}
