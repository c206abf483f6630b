#!/usr/bin/env python3
"""One call of AWS by boto3, for a service that the tests have no client of.

    call.py SERVICE OPERATION PARAMETERS

Service and operation as boto3 names them, parameters as one JSON object. The answer is printed as JSON, times as text.
"""

import json
import sys

import boto3
import botocore.exceptions


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    service, operation, parameters = sys.argv[1:]
    try:
        answer = getattr(boto3.client(service), operation)(**json.loads(parameters))
    except botocore.exceptions.ClientError as error:
        sys.exit(f"error: {error}")
    answer.pop("ResponseMetadata", None)
    json.dump(answer, sys.stdout, default=str)


if __name__ == "__main__":
    main()
