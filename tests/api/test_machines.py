"""CreateStateMachine, UpdateStateMachine, DescribeStateMachine(ForExecution), ListStateMachines, ValidateStateMachineDefinition,
TestState, and what is not there."""

import http.client
import json
from urllib.parse import urlsplit

from client import ENDPOINT, FAIL, IS_FUNCTION_URL, PASS, ROLE, WAIT, ApiTest, client, unsigned


class Machines(ApiTest):
    def test_a_state_machine_is_made_described_and_updated(self):
        name = self.unique("m")
        made = self.client.create_state_machine(name=name, definition=json.dumps(WAIT), roleArn=ROLE)
        machine = made["stateMachineArn"]
        self.assertEqual(machine, f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}")
        again = self.client.create_state_machine(name=name, definition=json.dumps(WAIT, indent=1), roleArn=ROLE)
        self.assertEqual(again["creationDate"], made["creationDate"])
        self.refused("StateMachineAlreadyExists", self.client.create_state_machine,
                     name=name, definition=json.dumps(PASS), roleArn=ROLE)
        execution = self.started(machine)
        updated = self.client.update_state_machine(stateMachineArn=machine, definition=json.dumps(PASS))
        described = self.client.describe_state_machine(stateMachineArn=machine)
        self.assertEqual(json.loads(described["definition"]), PASS)
        self.assertEqual((described["revisionId"], described["roleArn"]), (updated["revisionId"], ROLE))
        self.assertEqual((described["status"], described["type"]), ("ACTIVE", "STANDARD"))
        pinned = self.client.describe_state_machine_for_execution(executionArn=execution)
        self.assertEqual(json.loads(pinned["definition"]), WAIT)
        self.client.stop_execution(executionArn=execution)

    def test_bad_state_machines_are_refused(self):
        make = self.client.create_state_machine
        good = {"name": self.unique("m"), "definition": json.dumps(PASS), "roleArn": ROLE}
        self.refused("InvalidName", make, **{**good, "name": "a b"})
        self.refused("InvalidDefinition", make, **{**good, "definition": "{}"}, message="SCHEMA_VALIDATION_FAILED")
        self.refused("InvalidArn", make, **{**good, "roleArn": "role"})
        self.refused("InvalidLoggingConfiguration", make, **good, loggingConfiguration={"level": "ALL"})
        self.refused("ValidationException", make, **good, versionDescription="without publish")
        self.refused("StateMachineDoesNotExist", self.client.describe_state_machine,
                     stateMachineArn=f"arn:aws:states:us-east-1:000000000000:stateMachine:{good['name']}")
        self.refused("MissingRequiredParameter", self.client.update_state_machine, stateMachineArn=self.machine(PASS))

    def test_state_machines_are_listed_by_the_paginator(self):
        arns = sorted(self.machine(PASS) for _ in range(5))
        pages = self.client.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
        listed = [item["stateMachineArn"] for page in pages for item in page["stateMachines"]]
        self.assertEqual([arn for arn in listed if arn in arns], arns)
        self.assertEqual(len(listed), len(set(listed)))
        self.refused("InvalidToken", self.client.list_state_machines, nextToken="x")

    def test_a_definition_is_validated(self):
        validate = self.client.validate_state_machine_definition
        good = validate(definition=json.dumps(PASS))
        self.assertEqual((good["result"], good["diagnostics"], good["truncated"]), ("OK", [], False))
        bad = validate(definition="{}", type="EXPRESS", severity="WARNING", maxResults=1)
        self.assertEqual((bad["result"], bad["diagnostics"][0]["code"]), ("FAIL", "SCHEMA_VALIDATION_FAILED"))

    def test_a_state_is_tested(self):
        test = self.client.test_state
        state = {"Type": "Pass", "Parameters": {"b.$": "$.a"}, "Next": "Then"}
        tested = test(definition=json.dumps(state), roleArn=ROLE, input='{"a": 1}', inspectionLevel="DEBUG")
        self.assertEqual((tested["status"], json.loads(tested["output"]), tested["nextState"]), ("SUCCEEDED", {"b": 1}, "Then"))
        self.assertEqual(json.loads(tested["inspectionData"]["afterParameters"]), {"b": 1})
        tested = test(definition=json.dumps(FAIL["States"]["F"]), roleArn=ROLE)
        self.assertEqual((tested["status"], tested["error"], tested["cause"]), ("FAILED", "Bad", "it was to"))
        self.refused("InvalidDefinition", test, definition="{}")
        self.refused("ValidationException", test, definition=json.dumps(state), mock={"result": "1"})

    def test_an_operation_that_is_not_there_is_unknown(self):
        def rename(request, **_):
            request.headers["X-Amz-Target"] = "AWSStepFunctions.ListEverything"

        other = client()
        other.meta.events.register("before-sign.sfn", rename)
        self.refused("UnknownOperationException", other.list_state_machines)


class Wire(ApiTest):
    def call(self, headers, body=b"{}"):
        connection = http.client.HTTPConnection(urlsplit(ENDPOINT).netloc, timeout=30)
        headers = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines", "Content-Type": "application/x-amz-json-1.0", **headers}
        connection.request("POST", urlsplit(ENDPOINT).path or "/", body=body, headers=headers)
        return connection.getresponse().status

    def test_an_unsigned_call_is_taken_by_a_port_of_this_machine_alone(self):
        self.assertEqual(self.call({}), 403 if IS_FUNCTION_URL else 200)

    @unsigned
    def test_foreign_hosts_and_origins_are_refused(self):
        port = urlsplit(ENDPOINT).port
        for host in ["127.0.0.1", "localhost", "sync-127.0.0.1", "sync-localhost"]:
            self.assertEqual(self.call({"Host": f"{host}:{port}"}), 200, host)
        for host in ["evil.example", "sync-evil.example"]:
            self.assertEqual(self.call({"Host": f"{host}:{port}"}), 403, host)
        self.assertEqual(self.call({"Origin": "http://evil.example"}), 403)
        self.assertEqual(self.call({"Origin": f"http://127.0.0.1:{port}"}), 200)

    @unsigned
    def test_a_request_above_a_mebibyte_is_refused(self):
        self.assertEqual(self.call({}, b'{"x":"' + b"x" * (1 << 20) + b'"}'), 413)
        self.assertEqual(self.call({}, b'{"x":"' + b"x" * 1_000_000 + b'"}'), 200)

    def test_a_client_that_validates_nothing_gets_awss_message(self):
        loose = client(parameter_validation=False)
        message = "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have " \
                  "value less than or equal to 1000"
        self.refused("ValidationException", loose.list_state_machines, message=message, maxResults=1001)
        self.refused("SerializationException", loose.list_state_machines, maxResults="x")
