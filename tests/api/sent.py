"""What the tests send and get that no log may show: inputs, outputs, causes and tokens; and the search for them in a log.

Each value is a line of JSON in the file that STEPLADDER_API_SENT names.
"""

import json
import os
import re

FILE = "STEPLADDER_API_SENT"
MEMBERS = {"input", "output", "cause", "taskToken", "nextToken"}
# What is shorter may stand in a log by chance.
CHARACTERS_MIN = 12
# So may a run be called, or an ARN read: logs tell whose line it is.
NAME = re.compile(r"[A-Za-z0-9_.:/-]+")


def watch(client):
    """Writes down what this client of Step Functions sends and gets."""
    if not os.environ.get(FILE):
        return
    client.meta.events.register("before-call.sfn", lambda params, **_: note(json.loads(params["body"])))
    client.meta.events.register("after-call.sfn", lambda parsed, **_: note(parsed))


def note(message):
    """The members of a request or of an answer that count, and the texts in those that are JSON."""
    values = {text for name in MEMBERS & message.keys() for text in texts(message[name])}
    if values:
        with open(os.environ[FILE], "a") as file:
            file.writelines(json.dumps(value) + "\n" for value in sorted(values))


def texts(value):
    """The value itself, and where it is JSON each text in it that is no name."""
    yield value
    try:
        rest = [json.loads(value)]
    except (TypeError, ValueError):
        return
    while rest:
        part = rest.pop()
        if isinstance(part, str) and not NAME.fullmatch(part):
            yield part
        elif isinstance(part, (list, dict)):
            rest.extend(part.values() if isinstance(part, dict) else part)


def of_samples(path):
    """The texts of sample orders that name a person or a card."""
    for line in path.read_text().splitlines():
        order = json.loads(line)
        if isinstance(order, dict):
            for kind, name in [("customer", "email"), ("customer", "name"), ("card", "number")]:
                part = order.get(kind)
                if isinstance(part, dict) and isinstance(part.get(name), str):
                    yield part[name]


def written(path):
    return {json.loads(line) for line in path.read_text().splitlines()} if path.exists() else set()


def leaked(values, log):
    """The lines of a log that show one of the values: `(number, line)`."""
    text = log.read_text(errors="replace")
    forms = {form for value in values if isinstance(value, str) and len(value) >= CHARACTERS_MIN
             for form in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])}
    shown = [form for form in forms if form in text]
    return [(at, line) for at, line in enumerate(text.splitlines(), 1) if any(form in line for form in shown)]
