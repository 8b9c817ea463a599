"""What is printed when everything runs: addresses, keys and a curl line that works for each model."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from modelport.api import PublishedModel, apis_of, model_name
from modelport.errors import ModelportError
from modelport.loadtest.apis import APIS
from modelport.loadtest.target import Wanted, resolve
from modelport.local.keys import Key
from modelport.local.state import write_file

LONGEST_BODY = 400
"""A longer body is written to a file, which curl sends."""


async def example(resource: PublishedModel, base: str, key: Key | None, folder: Path) -> str | None:
    """Return a curl line that predicts with the model, or None if no API that is served says what it takes."""
    name = model_name(resource)
    for api in apis_of(resource.spec):
        if api not in APIS:
            continue
        try:
            request = await resolve(Wanted(name, base, api, key=key.value if key else None))
        except ModelportError:
            continue  # a type for which no values can be made, say
        header = f"-H {shlex.quote(f'x-api-key: {key.value}')} " if key else ""
        return f"curl {header}-d {_data(request.body.decode(), folder / f'{name}.json')} {request.url}"
    return None


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
    """Word it. Each model comes with a key and a line of `example`."""
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
