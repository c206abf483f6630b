"""A history as long as --transitions says, page by page: the last pages cost what the first ones do."""

import json
import os
import statistics
import sys
import time

from client import ApiTest

TRANSITIONS = int(os.environ.get("STEPLADDER_API_TRANSITIONS", "300"))
# What `stepladder dev` does in a second at least, on a machine that has other things to do.
TRANSITIONS_PER_SECOND_MIN = 20

LOOP = {"StartAt": "Wait", "States": {
    "Wait": {"Type": "Wait", "Seconds": 0, "Next": "Count"},
    "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "More?"},
    "More?": {"Type": "Choice", "Default": "Done", "Choices": [
        {"Variable": "$.n", "NumericLessThan": TRANSITIONS, "Next": "Wait"}]},
    "Done": {"Type": "Succeed"},
}}
EVENTS_OF_A_TURN = 6


class LongHistory(ApiTest):
    def test_the_last_page_of_a_long_history_costs_what_the_first_one_does(self):
        execution = self.started(self.machine(LOOP), input='{"n": 0}')
        until = time.monotonic() + 60 + TRANSITIONS / TRANSITIONS_PER_SECOND_MIN
        while (described := self.client.describe_execution(executionArn=execution))["status"] == "RUNNING":
            self.assertLess(time.monotonic(), until, "it has not ended")
            time.sleep(0.5)
        self.assertEqual((described["status"], json.loads(described["output"])), ("SUCCEEDED", {"n": TRANSITIONS}))
        # ExecutionStarted, the two of Done, and the end.
        events = EVENTS_OF_A_TURN * TRANSITIONS + 4
        for size in (100, 1000):
            for back in (False, True):
                ids, seconds = self.paged(execution, size, back)
                self.assertEqual(ids, sorted(range(1, events + 1), reverse=back))
                first, last = statistics.median(seconds[1:6] or seconds), statistics.median(seconds[-6:-1] or seconds)
                print(f"{TRANSITIONS} transitions, {len(seconds)} pages of {size}{', backwards' if back else ''}: "
                      f"{sum(seconds):.2f} s; the first page {seconds[0]:.3f} s, the next five {first:.4f} s each, "
                      f"the last five {last:.4f} s each", file=sys.stderr)
                self.assertLess(last, 4 * first + 0.1)

    def paged(self, execution, size, back):
        """The ids of all events, and how long each page took."""
        ids, seconds, token = [], [], {}
        while True:
            began = time.monotonic()
            page = self.client.get_execution_history(
                executionArn=execution, maxResults=size, reverseOrder=back, **token)
            seconds.append(time.monotonic() - began)
            ids.extend(event["id"] for event in page["events"])
            if "nextToken" not in page:
                return ids, seconds
            token = {"nextToken": page["nextToken"]}
