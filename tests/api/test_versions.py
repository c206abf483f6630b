"""DeleteStateMachine, versions, aliases and tags."""

import json

from client import PASS, ROLE, WAIT, ApiTest, by_the_aws_cli


def result(value):
    return {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": value, "End": True}}}


class Versions(ApiTest):
    def published(self, *values):
        """A state machine with a version for each of these results; its ARN."""
        machine = self.machine(result(values[0]), publish=True)
        for value in values[1:]:
            self.client.update_state_machine(stateMachineArn=machine, definition=json.dumps(result(value)), publish=True)
        return machine

    def called(self, call, key, item, **parameters):
        """What boto3 has no paginator for, page by page."""
        pages, more = [], {}
        while True:
            page = call(**parameters, **more)
            pages.append([entry[item] for entry in page[key]])
            if "nextToken" not in page:
                return pages
            more = {"nextToken": page["nextToken"]}

    def test_versions_are_published_listed_described_and_deleted(self):
        name = self.unique("m")
        made = self.client.create_state_machine(
            name=name, definition=json.dumps(result(1)), roleArn=ROLE, publish=True, versionDescription="first")
        machine = made["stateMachineArn"]
        self.assertEqual(made["stateMachineVersionArn"], f"{machine}:1")
        updated = self.client.update_state_machine(stateMachineArn=machine, definition=json.dumps(result(2)))
        self.assertNotIn("stateMachineVersionArn", updated)
        publish = self.client.publish_state_machine_version
        self.refused("ConflictException", publish, stateMachineArn=machine, revisionId="INITIAL",
                     message=f"The current State Machine revision is {updated['revisionId']}.")
        second = publish(stateMachineArn=machine, revisionId=updated["revisionId"], description="second")
        self.assertEqual(second["stateMachineVersionArn"], f"{machine}:2")
        again = publish(stateMachineArn=machine)
        self.assertEqual((again["stateMachineVersionArn"], again["creationDate"]), (f"{machine}:2", second["creationDate"]))
        described = self.client.describe_state_machine(stateMachineArn=f"{machine}:1")
        self.assertEqual((described["description"], json.loads(described["definition"])), ("first", result(1)))
        versions = self.client.list_state_machine_versions
        pages = self.called(versions, "stateMachineVersions", "stateMachineVersionArn", stateMachineArn=machine, maxResults=1)
        self.assertEqual(pages, [[f"{machine}:2"], [f"{machine}:1"]])
        for _ in range(2):
            self.client.delete_state_machine_version(stateMachineVersionArn=f"{machine}:2")
        self.assertEqual(publish(stateMachineArn=machine)["stateMachineVersionArn"], f"{machine}:3")
        self.refused("StateMachineDoesNotExist", self.client.describe_state_machine, stateMachineArn=f"{machine}:2")
        self.refused("StateMachineDoesNotExist", publish, stateMachineArn=machine + "x")
        self.refused("InvalidToken", versions, stateMachineArn=machine, nextToken="x")

    def test_executions_are_started_with_a_version_or_an_alias_and_listed_by_them(self):
        machine = self.published(1, 2)
        self.client.create_state_machine_alias(name="PROD", routingConfiguration=[
            {"stateMachineVersionArn": f"{machine}:1", "weight": 100}])
        of = {arn: self.started(arn, name=name) for arn, name in
              [(machine, "plain"), (f"{machine}:1", "version"), (f"{machine}:PROD", "alias")]}
        described = {arn: self.ended(execution) for arn, execution in of.items()}
        outputs = [json.loads(execution["output"]) for execution in described.values()]
        self.assertEqual(outputs, [2, 1, 1])
        self.assertNotIn("stateMachineVersionArn", described[machine])
        by_alias = described[f"{machine}:PROD"]
        self.assertEqual((by_alias["stateMachineArn"], by_alias["stateMachineVersionArn"], by_alias["stateMachineAliasArn"]),
                         (machine, f"{machine}:1", f"{machine}:PROD"))
        self.assertNotIn("stateMachineAliasArn", described[f"{machine}:1"])
        paginator = self.client.get_paginator("list_executions")
        for arn, names in [(f"{machine}:PROD", {"alias"}), (f"{machine}:1", {"version", "alias"}), (f"{machine}:2", set())]:
            pages = paginator.paginate(stateMachineArn=arn, PaginationConfig={"PageSize": 1})
            self.assertEqual({item["name"] for page in pages for item in page["executions"]}, names)
        pinned = self.client.describe_state_machine_for_execution(executionArn=of[f"{machine}:1"])
        self.assertEqual(json.loads(pinned["definition"]), result(1))
        self.refused("StateMachineDoesNotExist", self.client.start_execution, stateMachineArn=f"{machine}:NONE")

    def test_a_sync_start_takes_an_alias(self):
        machine = self.machine(result(1), type="EXPRESS", publish=True)
        self.client.create_state_machine_alias(name="PROD", routingConfiguration=[
            {"stateMachineVersionArn": f"{machine}:1", "weight": 100}])
        self.client.update_state_machine(stateMachineArn=machine, definition=json.dumps(result(2)))
        answer = self.client.start_sync_execution(stateMachineArn=f"{machine}:PROD")
        self.assertEqual((answer["status"], answer["output"], answer["stateMachineArn"]), ("SUCCEEDED", "1", machine))

    def test_aliases_are_made_changed_listed_and_deleted(self):
        machine = self.published(1, 2)
        client, version = self.client, lambda n, weight: {"stateMachineVersionArn": f"{machine}:{n}", "weight": weight}
        arn, create = f"{machine}:PROD", {"name": "PROD", "routingConfiguration": [version(1, 90), version(2, 10)]}
        made = client.create_state_machine_alias(**create)
        self.assertEqual(made["stateMachineAliasArn"], arn)
        self.assertEqual(client.create_state_machine_alias(**create)["creationDate"], made["creationDate"])
        self.refused("ConflictException", client.create_state_machine_alias, name="PROD", routingConfiguration=[version(1, 100)])
        described = client.describe_state_machine_alias(stateMachineAliasArn=arn)
        self.assertEqual(described["routingConfiguration"], create["routingConfiguration"])
        self.refused("ConflictException", client.delete_state_machine_version, stateMachineVersionArn=f"{machine}:1",
                     message="Current list of aliases referencing this version: [PROD]")
        client.update_state_machine_alias(stateMachineAliasArn=arn, routingConfiguration=[version(2, 100)], description="new")
        described = client.describe_state_machine_alias(stateMachineAliasArn=arn)
        self.assertEqual((described["routingConfiguration"], described["description"]), ([version(2, 100)], "new"))
        client.delete_state_machine_version(stateMachineVersionArn=f"{machine}:1")
        for name in ["A", "B"]:
            client.create_state_machine_alias(name=name, routingConfiguration=[version(2, 100)])
        pages = self.called(client.list_state_machine_aliases, "stateMachineAliases", "stateMachineAliasArn",
                           stateMachineArn=f"{machine}:2", maxResults=2)
        self.assertEqual([len(page) for page in pages], [2, 1])
        self.assertEqual(sorted(sum(pages, [])), [f"{machine}:A", f"{machine}:B", arn])
        for _ in range(2):
            client.delete_state_machine_alias(stateMachineAliasArn=arn)
        self.refused("ResourceNotFound", client.describe_state_machine_alias, stateMachineAliasArn=arn)
        for weights in [(70, 29), (70, 31)]:
            self.refused("ValidationException", client.create_state_machine_alias, name="C",
                         message=f"Sum of routing configuration weights must equal 100. Received: [{weights[0]}, {weights[1]}]",
                         routingConfiguration=[version(2, weights[0]), version(3, weights[1])])
        self.refused("ValidationException", client.create_state_machine_alias, name="123", routingConfiguration=[version(2, 100)])
        self.refused("ResourceNotFound", client.create_state_machine_alias, name="C", routingConfiguration=[version(1, 100)])

    def test_tags_are_added_and_removed(self):
        machine = self.machine(PASS, tags=[{"key": "team", "value": "orders"}])
        listed = lambda: self.client.list_tags_for_resource(resourceArn=machine)["tags"]
        self.client.tag_resource(resourceArn=machine, tags=[{"key": "stage", "value": "é"}, {"key": "team", "value": "new"}])
        self.assertEqual(listed(), [{"key": "stage", "value": "é"}, {"key": "team", "value": "new"}])
        self.client.untag_resource(resourceArn=machine, tagKeys=["team", "none"])
        self.assertEqual(listed(), [{"key": "stage", "value": "é"}])
        many = [{"key": str(n), "value": ""} for n in range(50)]
        self.refused("TooManyTags", self.client.tag_resource, resourceArn=machine, tags=many)
        self.refused("ResourceNotFound", self.client.tag_resource, resourceArn=machine + "x", tags=many)
        self.refused("ResourceNotFound", self.client.list_tags_for_resource, resourceArn=f"{machine}:1")

    def test_an_activity_has_tags(self):
        name = self.unique("pack")
        create = self.client.create_activity
        activity = create(name=name, tags=[{"key": "team", "value": "cellar"}])["activityArn"]
        listed = lambda: self.client.list_tags_for_resource(resourceArn=activity)["tags"]
        self.assertEqual(create(name=name, tags=[{"key": "other", "value": ""}])["activityArn"], activity)
        self.assertEqual(listed(), [{"key": "team", "value": "cellar"}])
        self.client.tag_resource(resourceArn=activity, tags=[{"key": "stage", "value": "é"}])
        self.client.untag_resource(resourceArn=activity, tagKeys=["team", "none"])
        self.assertEqual(listed(), [{"key": "stage", "value": "é"}])
        many = [{"key": str(n), "value": ""} for n in range(51)]
        self.refused("TooManyTags", self.client.tag_resource, resourceArn=activity, tags=many[:50])
        self.refused("TooManyTags", create, name=name + "x", tags=many)
        self.refused("InvalidEncryptionConfiguration", create, name=name + "x",
                     encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"})
        self.client.delete_activity(activityArn=activity)
        for call, more in [(self.client.list_tags_for_resource, {}), (self.client.tag_resource, {"tags": many[:1]}),
                           (self.client.untag_resource, {"tagKeys": ["stage"]})]:
            self.refused("ResourceNotFound", call, message=activity, resourceArn=activity, **more)

    def test_a_state_machine_is_deleted_and_its_execution_goes_on(self):
        machine = self.machine(WAIT, publish=True, tags=[{"key": "k", "value": "v"}])
        self.client.create_state_machine_alias(name="PROD", routingConfiguration=[
            {"stateMachineVersionArn": f"{machine}:1", "weight": 100}])
        execution = self.started(f"{machine}:PROD", name="old")
        for _ in range(2):
            self.client.delete_state_machine(stateMachineArn=machine)
        for arn in [machine, f"{machine}:1", f"{machine}:PROD"]:
            self.refused("StateMachineDoesNotExist", self.client.describe_state_machine, stateMachineArn=arn)
        self.refused("ResourceNotFound", self.client.list_tags_for_resource, resourceArn=machine)
        pages = self.client.get_paginator("list_state_machines").paginate()
        self.assertNotIn(machine, [item["stateMachineArn"] for page in pages for item in page["stateMachines"]])
        self.assertEqual(self.client.describe_execution(executionArn=execution)["status"], "RUNNING")
        pinned = self.client.describe_state_machine_for_execution(executionArn=execution)
        self.assertEqual(json.loads(pinned["definition"]), WAIT)
        name = machine.rsplit(":", 1)[1]
        made = self.client.create_state_machine(name=name, definition=json.dumps(PASS), roleArn=ROLE, publish=True)
        self.assertEqual(made["stateMachineVersionArn"], f"{machine}:1")
        self.assertEqual(self.client.list_tags_for_resource(resourceArn=machine)["tags"], [])
        self.client.stop_execution(executionArn=execution)
        self.assertEqual(self.ended(execution)["status"], "ABORTED")

    @by_the_aws_cli
    def test_the_aws_cli_publishes_routes_tags_and_deletes(self):
        machine = self.machine(PASS)
        published = self.aws("publish-state-machine-version", "--state-machine-arn", machine)
        self.assertEqual(published["stateMachineVersionArn"], f"{machine}:1")
        made = self.aws("create-state-machine-alias", "--name", "PROD", "--routing-configuration",
                   f"stateMachineVersionArn={machine}:1,weight=100")
        self.assertEqual(made["stateMachineAliasArn"], f"{machine}:PROD")
        self.aws("tag-resource", "--resource-arn", machine, "--tags", "key=team,value=orders")
        self.assertEqual(self.aws("list-tags-for-resource", "--resource-arn", machine),
                         {"tags": [{"key": "team", "value": "orders"}]})
        listed = self.aws("list-state-machine-aliases", "--state-machine-arn", machine)
        self.assertEqual([item["stateMachineAliasArn"] for item in listed["stateMachineAliases"]], [f"{machine}:PROD"])
        self.aws("delete-state-machine", "--state-machine-arn", machine)
        self.refused("StateMachineDoesNotExist", self.client.describe_state_machine, stateMachineArn=machine)
