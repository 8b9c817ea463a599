"""The API server refuses what `modelport.api` refuses, by the same rules in the same words: its unit tests' own tables.

Nothing is stored: each manifest is sent as a dry run, with strict validation of its fields as kubectl asks for.
"""

import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

Change = dict[str, Any]
Refusal = dict[str, Any]

UNIT = Path(__file__).parents[1] / "unit" / "api"
merged = runpy.run_path(str(UNIT / "conftest.py"))["merged"]
unit_rules = runpy.run_path(str(UNIT / "test_rules.py"))
RULES = unit_rules["CASES"]
PROBLEMS = runpy.run_path(str(UNIT / "test_problems.py"))["CASES"]

PLACE = ("modelport.io", "v1alpha1", "default", "publishedmodels")

BLAMED = {"": "<nil>", "spec.execution.schedule.timeZone": "spec.execution.schedule"}
"""Paths that the API server words otherwise: it has none for the whole, and names the block, not the field, when
evaluating a rule fails, as it does for a time zone that does not exist."""

NOT_JSON = "a number that is none"
LET_THROUGH = "a default that no feature can have"
"""A schema in Kubernetes cannot say it: the operator gives such a resource a condition."""


@pytest.fixture
def refusal(api: client.ApiClient, crd: str, smallest: Change) -> Callable[[Change], Refusal | None]:
    """Give a function that says how the API server refuses the smallest manifest with a change; None if it does not."""

    def ask(change: Change) -> Refusal | None:
        body = merged(smallest, change)
        try:
            client.CustomObjectsApi(api).create_namespaced_custom_object(
                *PLACE, body, dry_run="All", field_validation="Strict"
            )
        except client.ApiException as error:
            return json.loads(error.body)
        return None

    return ask


Ask = Callable[[Change], Refusal | None]


@pytest.mark.parametrize("case", RULES.values(), ids=RULES)
def test_the_rule_is_kept(refusal: Ask, case: Any) -> None:
    assert refusal(case.kept) is None


@pytest.mark.parametrize(("message", "case"), RULES.items(), ids=RULES)
def test_the_rule_is_broken(refusal: Ask, message: str, case: Any) -> None:
    refused = refusal(case.broken)
    assert refused is not None
    (cause,) = refused["details"]["causes"]
    assert cause["field"] == BLAMED.get(case.path, case.path)
    assert cause["message"].endswith(f": {message}")


@pytest.mark.parametrize(
    ("spec", "problems"),
    [case for name, case in PROBLEMS.items() if name not in {NOT_JSON, LET_THROUGH}],
    ids=[name for name in PROBLEMS if name not in {NOT_JSON, LET_THROUGH}],
)
def test_every_problem_is_blamed_on_the_same_field(refusal: Ask, spec: Change, problems: tuple[str, ...]) -> None:
    refused = refusal({"spec": spec})
    assert refused is not None
    blamed = re.findall(r'unknown field "([^"]+)"', refused["message"])
    blamed += [cause["field"] for cause in refused.get("details", {}).get("causes", [])]
    paths = [problem.partition(": ")[0].replace('["', ".").replace('"]', "") for problem in problems]
    assert [path for path in paths if not any(field.startswith(path) for field in blamed)] == []


def test_what_is_no_json_is_refused(refusal: Ask) -> None:
    refused = refusal({"spec": PROBLEMS[NOT_JSON][0]})
    assert refused is not None
    assert "json parse error" in refused["message"]


def test_what_only_the_types_can_refuse(refusal: Ask) -> None:
    assert refusal({"spec": PROBLEMS[LET_THROUGH][0]}) is None


def test_instances_stay_while_autoscaling_is_set(
    api: client.ApiClient, namespace: str, crd: str, smallest: Change
) -> None:
    objects = client.CustomObjectsApi(api)
    group, version, _, plural = PLACE
    place = (group, version, namespace, plural)
    scaled = {"spec": {"execution": {"autoscaling": {"maxInstances": 3, "target": 4}}}}
    objects.create_namespaced_custom_object(*place, merged(smallest, scaled))
    with pytest.raises(client.ApiException, match=unit_rules["ABOUT_A_CHANGE"]):
        objects.patch_namespaced_custom_object(*place, "cups", {"spec": {"execution": {"instances": 2}}})
    with pytest.raises(client.ApiException, match=unit_rules["ABOUT_A_CHANGE"]):
        objects.patch_namespaced_custom_object_scale(*place, "cups", {"spec": {"replicas": 2}})
