"""What schemathesis can't know of the document."""

import json

import schemathesis


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A cursor is whatever the page before has told: that no other text is one, no schema can say."""
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    return json.loads(response.content).get("code") != "SL1504"
