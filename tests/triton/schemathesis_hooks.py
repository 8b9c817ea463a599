"""Loaded by schemathesis in test_fuzz_openapi.py: what it must know of this server's JSON, and a check of our own."""

from __future__ import annotations

import json
import re

import schemathesis
from schemathesis.openapi.checks import IgnoredAuth
from schemathesis.specs.openapi.checks import ignored_auth

INTERNALS = re.compile(rb"Traceback|\.py\b|/(?:etc|home|opt|proc|root|tmp|usr|var|work)/|site-packages")
"""What an answer shows of the inside only by mistake."""


@schemathesis.hook
def before_load_schema(context, schema):
    """Say tuples in the older way too: schemathesis 4.32 rewrites `prefixItems` and then refuses its own result."""
    if isinstance(schema, dict):
        if "prefixItems" in schema:
            schema["items"] = {"anyOf": schema.pop("prefixItems")}
        for member in schema.values():
            before_load_schema(context, member)
    elif isinstance(schema, list):
        for member in schema:
            before_load_schema(context, member)


@schemathesis.deserializer("application/json")
def tensor_json(ctx, response):
    """NaN, Infinity and -Infinity are numbers here, as the document says; JSON Schema cannot say it."""
    return json.loads(response.content, parse_constant=lambda token: 0.0)


@schemathesis.check
def keys_are_asked_for(ctx, response, case):
    """As `ignored_auth` has it; but the document of prediction-one refuses a key with 400, not with 401."""
    try:
        ignored_auth(ctx, response, case)
    except IgnoredAuth as failure:
        refused = failure.title.startswith("Unexpected response")
        if not (refused and case.operation.path.startswith("/v1/external/")):
            raise


@schemathesis.check
def errors_show_no_internals(ctx, response, case):
    if response.status_code >= 400:
        assert not INTERNALS.search(response.content), response.content
        assert b"<html" not in response.content.lower(), response.content
