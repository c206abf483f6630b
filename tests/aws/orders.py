#!/usr/bin/env python3
"""A client that is not ours: sends orders by boto3, waits for the ends of their runs, and prints what AWS shows of them.

    orders.py --stack NAME --orders FILE --count N --patience SECONDS

One JSON document on stdout: `runs` by name (line number, item, record keys, bytes and owners), `books` (what the shop has
written of each order), `stock`, `queues` (messages visible, in flight and delayed, once they are empty or time is up) and
`dead` (bodies of the dead-letter and parked queues).
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

import boto3

QUEUES = ["start", "timer", "validate-order", "charge-payment", "reserve-inventory", "create-invoice", "send-confirmation"]
DEAD = ["dead-letter", "parked"]
COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
WORKFLOW = "order-processing"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--orders", required=True, type=Path)
    parser.add_argument("--count", required=True, type=int)
    parser.add_argument("--patience", required=True, type=float)
    options = parser.parse_args()
    until = time.monotonic() + options.patience

    orders = [json.loads(line) for line in options.orders.read_text().splitlines()[:options.count]]
    # As `stepladder dev` names them: by the order's id where it can name a run, which makes a repeated send harmless.
    named = {name(order, at): (at, order) for at, order in enumerate(orders, 1)}
    if len(named) != options.count:
        sys.exit(f"error: {options.count} orders have {len(named)} names")
    sqs = boto3.client("sqs")
    url = {queue: sqs.get_queue_url(QueueName=f"{options.stack}-{queue}")["QueueUrl"] for queue in QUEUES + DEAD}
    for batch in chunks(list(named), 10):
        bodies = [json.dumps({"workflow": WORKFLOW, "name": name, "input": named[name][1]}) for name in batch]
        entries = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(bodies)]
        answer = sqs.send_message_batch(QueueUrl=url["start"], Entries=entries)
        if answer.get("Failed"):
            sys.exit(f"error: not sent: {answer['Failed']}")

    table = boto3.resource("dynamodb").Table(options.stack)
    runs = wait_for_ends(table, list(named), until)
    for run, of_run in runs.items():
        of_run["line"] = named[run][0]
        records = items_of(table, f"R#{WORKFLOW}/{run}#{of_run['item'].get('n', '')}")
        of_run["records"] = [{"sk": item["sk"], "owner": item.get("w"), "bytes": size(item)} for item in records
                             if item["sk"].startswith("T#")]
    books, stock = shop(boto3.resource("dynamodb").Table(f"{options.stack}-orders"))
    json.dump({"runs": runs, "books": books, "stock": stock, "queues": wait_until_empty(sqs, url, until),
               "dead": {queue: bodies_in(sqs, url[queue]) for queue in DEAD}}, sys.stdout, default=plain)


def name(order, at):
    given = order.get("order_id") if isinstance(order, dict) else None
    return given if isinstance(given, str) and NAME.fullmatch(given) else f"line-{at:06}"


def chunks(values, count):
    return [values[at:at + count] for at in range(0, len(values), count)]


def wait_for_ends(table, names, until):
    """The run items, each once it is not RUNNING any more, or as it is when time is up."""
    runs = {}
    while True:
        for run in names:
            if runs.get(run, {}).get("item", {}).get("st", "RUNNING") == "RUNNING":
                answer = table.get_item(Key={"pk": f"R#{WORKFLOW}/{run}", "sk": "RUN"}, ConsistentRead=True)
                item = answer.get("Item", {})
                runs[run] = {"item": item, "bytes": size(item)}
        if all(run["item"].get("st", "RUNNING") != "RUNNING" for run in runs.values()) or time.monotonic() > until:
            return runs
        time.sleep(0.2)


def items_of(table, partition):
    answer = table.query(KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": partition}, ConsistentRead=True)
    return answer["Items"]


def shop(table):
    """What the order's steps wrote into their own table."""
    books, stock, more = {}, {}, {}
    while True:
        answer = table.scan(ConsistentRead=True, **more)
        for item in answer["Items"]:
            kind, _, key = item["pk"].partition("#")
            if kind == "ORDER":
                document = json.loads(item["document"]) if "document" in item else None
                books.setdefault(key, {})[item["sk"]] = {"status": item["status"], "document": document}
            else:
                stock[key] = item["available"]
        if "LastEvaluatedKey" not in answer:
            return books, stock
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def wait_until_empty(sqs, url, until):
    while True:
        queues = {queue: counts(sqs, url[queue]) for queue in QUEUES}
        # What is delayed are looks at runs, an hour from now.
        if not any(visible or in_flight for visible, in_flight, _ in queues.values()) or time.monotonic() > until:
            return queues
        time.sleep(0.2)


def counts(sqs, url):
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)["Attributes"]
    return [int(attributes[name]) for name in COUNTS]


def bodies_in(sqs, url):
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in answer.get("Messages", [])]


def size(item):
    """As DynamoDB counts: names and values, a number by its digits."""
    def of(value):
        if isinstance(value, str):
            return len(value.encode())
        if hasattr(value, "value"):
            return len(value.value)
        return (len(str(value).lstrip("-")) + 1) // 2 + 1
    return sum(len(name.encode()) + of(value) for name, value in item.items())


def plain(value):
    if hasattr(value, "value"):
        return f"<{len(value.value)} bytes>"
    return int(value)


if __name__ == "__main__":
    main()
