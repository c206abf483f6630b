#!/usr/bin/env python3
"""What an import of a file loads, and which lines it doesn't: the rules of functions/data-import/src/rules.rs again.

    oracle.py FILE    a JSON line per loaded row, sorted by id, then one per failed line
"""
import csv
import datetime
import json
import re
import sys

CURRENCIES = {"CHF", "EUR", "GBP", "PLN", "SEK", "USD"}
NOT_UTF8 = "not UTF-8"


def judge(names, fields):
    """The row as the table has it; a ValueError with the reason why it isn't there."""
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        raise ValueError(NOT_UTF8) from None
    row = dict(zip(names, fields))
    for name in names:
        if not row.get(name):
            raise ValueError(f"{name} is missing")
        if len(row[name]) > 200:
            raise ValueError(f"{name} is longer than 200 characters")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", row["id"]):
        raise ValueError(f"id is none: {row['id'][:40]}")
    amount = re.fullmatch(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,2}))?", row["amount"])
    if not amount:
        raise ValueError(f"amount is no number: {row['amount'][:40]}")
    cents = int(amount[1] + amount[2] + (amount[3] or "").ljust(2, "0"))
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", row["ordered_at"]):
            raise ValueError
        datetime.datetime.fromisoformat(row["ordered_at"][:-1])
    except ValueError:
        raise ValueError(f"ordered_at is no date: {row['ordered_at'][:40]}") from None
    if row["currency"] not in CURRENCIES:
        raise ValueError(f"currency is unknown: {row['currency'][:40]}")
    customer = " ".join(row["customer"].split())
    if not customer:
        raise ValueError("customer is missing")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", row["email"]):
        raise ValueError(f"email is none: {row['email'][:40]}")
    return {"customer": customer, "email": row["email"].lower(), "amount_cents": cents,
            "currency": row["currency"], "ordered_at": row["ordered_at"]}


def expected(path):
    """The table's rows by id, each as JSON text, and the reasons of the failures by line."""
    rows, failures = {}, {}
    with open(path, "rb") as file:
        reader = csv.reader(line.decode("utf-8", "surrogateescape") for line in file)
        names = next(reader)
        line = reader.line_num + 1
        for fields in reader:
            try:
                rows[fields[0]] = json.dumps({"line": line, "id": fields[0], **judge(names, fields)})
            except ValueError as error:
                failures[line] = str(error)
            line = reader.line_num + 1
    return rows, failures


if __name__ == "__main__":
    rows, failures = expected(sys.argv[1])
    for id in sorted(rows):
        print(rows[id])
    for line in sorted(failures):
        print(json.dumps({"line": line, "reason": failures[line]}))
