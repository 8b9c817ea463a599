"""What is printed when everything runs: addresses, keys and a curl line that works for each model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from modelport.api import PublishedModel, apis_of, model_name
from modelport.discovery import DiscoveryError, Operation, choose, fetch_operations
from modelport.local.keys import Key
from modelport.local.state import write_file

LONGEST_BODY = 400
"""A longer body is written to a file, which curl sends."""


async def format_curls(base: str, models: Sequence[tuple[str, Key | None]], folder: Path) -> list[str | None]:
    """Return a line for each model with its key. A gateway that does not say how to call them is no reason to end."""
    try:
        operations = await fetch_operations(base)
    except DiscoveryError:
        operations = ()
    return [format_curl(operations, model, key, folder) for model, key in models]


def format_curl(operations: Sequence[Operation], model: str, key: Key | None, folder: Path) -> str | None:
    """Return a curl line that predicts with the model, or None if it has no example; a long body goes to `folder`."""
    try:
        operation = choose(operations, model)
    except DiscoveryError:
        return None
    header = f"-H {shlex.quote(f'x-api-key: {key.value}')} " if key else ""
    body = json.dumps(operation.example, separators=(",", ":"))
    return f"curl {header}-d {_data(body, folder / f'{model}.json')} {shlex.quote(operation.url)}"


def _data(body: str, file: Path) -> str:
    """Return curl's argument for a body, which goes into a file if it is long."""
    if len(body) <= LONGEST_BODY:
        return shlex.quote(body)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    write_file(file, body)
    return shlex.quote(f"@{file}")


def format_summary(
    base: str, metrics: str, models: Sequence[tuple[PublishedModel, Key | None, str | None]], keys_from: Path
) -> str:
    """Word it. Each model comes with a key and a line of `format_curl`."""
    lines = ["", f"Serving {len(models)} model{'s' * (len(models) != 1)} on {base}", ""]
    for resource, key, curl in models:
        lines.append(f"  {model_name(resource)}  ({', '.join(apis_of(resource.spec))})")
        if key is not None:
            lines.append(f"    key {key.name}: {key.value}")
        elif resource.spec.access.anonymous:
            lines.append("    no key is asked for")
        else:
            lines.append(f"    no key opens it: {keys_from} has none")
        if curl is not None:
            lines.append(f"    {curl}")
        lines.append("")
    lines += [f"API description  {base}/openapi.json", f"Metrics, health   {metrics}/metrics, {metrics}/readyz"]
    lines += [f"Keys              {keys_from}", "Ctrl-C stops it; an edit of a manifest is applied at once."]
    return "\n".join(lines)
