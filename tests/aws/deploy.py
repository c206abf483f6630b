#!/usr/bin/env python3
"""Deploys a SAM or CloudFormation template by boto3.

    deploy.py deploy --template infra/sam/template.yaml --stack NAME --zips DIR [--parameter KEY=VALUE]…
    deploy.py upload --zips DIR --bucket NAME

What `sam deploy` does, without its 200 MB: local code (`…/<program>/bootstrap.zip`) is put into a bucket, then a change set is made, shown and executed. The stack's outputs are printed as JSON.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import boto3
import botocore.exceptions
import yaml

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# For a stack of some sixty resources an emulator takes a few seconds.
PATIENCE_SECONDS = 240
POLL_SECONDS = 0.3
# Which property of which type is a local file, as `aws cloudformation package` has it
# (https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html).
CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Lambda::Function": "Code"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["deploy", "upload"])
    parser.add_argument("--stack")
    parser.add_argument("--bucket")
    parser.add_argument("--template", type=Path)
    parser.add_argument("--zips", type=Path)
    parser.add_argument("--parameter", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    cloudformation = boto3.client("cloudformation")
    try:
        if options.action == "upload":
            upload(options.zips, options.bucket)
        else:
            deploy(cloudformation, options)
    except botocore.exceptions.ClientError as error:
        sys.exit(f"error: {error}")


def deploy(cloudformation, options):
    url = Uploads(f"{options.stack}-deployment", options.zips).template(options.template)
    parameters = dict(parameter.split("=", 1) for parameter in options.parameter)
    there = status(cloudformation, options.stack)
    name = f"change-{time.time_ns()}"
    cloudformation.create_change_set(
        StackName=options.stack, ChangeSetName=name, ChangeSetType="UPDATE" if there else "CREATE", TemplateURL=url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=CAPABILITIES)
    change_set = wait("the change set", lambda: described(cloudformation, options.stack, name))
    changes = [change["ResourceChange"] for change in change_set.get("Changes", [])]
    for change in changes:
        print(f"{change['Action']:<7} {change['ResourceType']:<34} {change['LogicalResourceId']}", file=sys.stderr)
    if change_set["Status"] == "FAILED":
        why = change_set.get("StatusReason", "")
        if "didn't contain changes" not in why and "No updates" not in why:
            sys.exit(f"error: the change set of {options.stack} failed: {why}")
    else:
        cloudformation.execute_change_set(StackName=options.stack, ChangeSetName=name)
        end = wait("the stack", lambda: settled(cloudformation, options.stack))
        if end not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            sys.exit(f"error: stack {options.stack} is {end}: {reasons(cloudformation, options.stack)}")
    stack = cloudformation.describe_stacks(StackName=options.stack)["Stacks"][0]
    json.dump({output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}, sys.stdout)


def upload(zips, bucket):
    """Puts all packages into a bucket, as `<program>.zip`."""
    s3 = Uploads(bucket, zips).s3
    for package in sorted(zips.glob("*/bootstrap.zip")):
        s3.put_object(Bucket=bucket, Key=f"{package.parent.name}.zip", Body=package.read_bytes())


class Uploads:
    """Local files of a template, in a bucket. A file that was put already is not put again."""

    def __init__(self, bucket, zips):
        self.s3 = boto3.client("s3")
        self.bucket = bucket
        self.zips = zips
        self.done = {}
        try:
            self.s3.create_bucket(Bucket=bucket)
        except self.s3.exceptions.BucketAlreadyOwnedByYou:
            pass

    def put(self, content, ending):
        key = hashlib.sha256(content).hexdigest() + ending
        if key not in self.done:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
            self.done[key] = True
        return key

    def template(self, path):
        """The URL of a template whose local files are uploaded, too."""
        template = yaml.safe_load(path.read_text())
        for name, resource in template["Resources"].items():
            properties = resource.get("Properties", {})
            code = CODE.get(resource["Type"])
            if code and isinstance(properties.get(code), str):
                properties[code] = self.code(name, properties[code], as_uri=code == "CodeUri")
        key = self.put(json.dumps(template).encode(), ".json")
        return f"{self.s3.meta.endpoint_url}/{self.bucket}/{key}"

    def code(self, name, local, as_uri):
        program = Path(local).parent.name
        zip_file = self.zips / program / "bootstrap.zip"
        if not zip_file.is_file():
            sys.exit(f"error: {name} needs {zip_file}, which is not there")
        key = self.put(zip_file.read_bytes(), ".zip")
        return f"s3://{self.bucket}/{key}" if as_uri else {"S3Bucket": self.bucket, "S3Key": key}


def status(cloudformation, stack):
    """`None` where there is no such stack, or where it was deleted."""
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except botocore.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return None if found in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS") else found


def settled(cloudformation, stack):
    found = status(cloudformation, stack)
    return None if found and found.endswith("_IN_PROGRESS") else found


def described(cloudformation, stack, change_set):
    found = cloudformation.describe_change_set(StackName=stack, ChangeSetName=change_set)
    return found if found["Status"] in ("CREATE_COMPLETE", "FAILED") else None


def reasons(cloudformation, stack):
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in events
              if event["ResourceStatus"].endswith("FAILED")]
    return "; ".join(failed) or "no event says why"


def wait(what, look):
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > until:
            sys.exit(f"error: {what} was not ready within {PATIENCE_SECONDS} s")
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
