"""schemathesis, a client of any OpenAPI document, against the REST API's own: what it sends is made of the document, right and
wrong, and each answer has to be as the document says."""

import os
import subprocess
import unittest
from pathlib import Path

from client import ENDPOINT, ROOT, WAIT, ApiTest

HERE = Path(__file__).resolve().parent
PROGRAM = os.environ.get("STEPLADDER_API_SCHEMATHESIS", "")
SECONDS_MAX = 300


@unittest.skipUnless(PROGRAM, "schemathesis is not there")
class Document(ApiTest):
    def test_what_is_asked_by_the_document_is_answered_as_it_says(self):
        machine = "arn:aws:states:us-east-1:000000000000:stateMachine:employee-onboarding"
        hire = (ROOT / "functions/employee-onboarding/samples/hires.jsonl").read_text().splitlines()[0]
        self.started(machine, name="schemathesis-waits", input=hire)
        self.ended(self.started(machine, name="schemathesis-ended", input="{}"))
        execution = self.started(self.machine(WAIT))
        self.addCleanup(self.client.stop_execution, executionArn=execution)
        folder = Path(os.environ["STEPLADDER_API_FOLDER"])
        command = [PROGRAM, "--config-file", str(HERE / "schemathesis.toml"), "run", f"{ENDPOINT}/api/v1/openapi.json",
                   "--no-color"]
        # It keeps what it found in the folder that it runs in.
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX,
                             env={**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")})
        (folder / "schemathesis.log").write_text(ran.stdout + ran.stderr)
        self.assertEqual(ran.returncode, 0, ran.stdout[-20_000:] + ran.stderr[-2_000:])
