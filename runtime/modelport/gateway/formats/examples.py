"""The body of a request in an OpenAPI operation, with an example that the model takes and the place of a file in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelport.api.io import Input
from modelport.gateway.codecs.schemas import Schema
from modelport.gateway.errors import GatewayError
from modelport.gateway.formats.base import JSON, Model
from modelport.gateway.formats.pictures import picture_input
from modelport.gateway.samples import NoSample, SampleFile, sample_file

FILE = "x-modelport-file"
"""OpenAPI extension: where the example holds a file in base64, and its media type."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request that the model takes."""

    body: Any
    """JSON."""
    file: Schema | None = None
    """Where it holds a file: `pointer` (RFC 6901) to the text in base64, `mediaType`, and `typePointer` where the
    caller declares the file's type beside it."""


def describe_request(schema: Schema, model: Model, example: Callable[[Model], Example]) -> dict[str, Any]:
    """Return the members of an operation that describe its body.

    Where no example can be made, the operation's description says why.
    """
    media: dict[str, Any] = {"schema": schema}
    members: dict[str, Any] = {"requestBody": {"required": True, "content": {JSON: media}}}
    try:
        made = example(model)
    except NoSample as why:
        return members | {"description": f"There is no example, since {why}."}
    except GatewayError as why:  # the spec does not fit the model: any request would be answered so
        return members | {"description": f"There is no example: {why.message}"}
    media["example"] = made.body
    return members | ({} if made.file is None else {FILE: made.file})


def declared_input(model: Model, name: str) -> Input:
    """Return what the resource says of an input; one that it does not list is a Tensor."""
    return next((each for each in model.spec.io.inputs if each.name == name), None) or Input(name=name)


def sample_picture(model: Model) -> SampleFile:
    """Return a picture for the model's one input, in formats whose requests hold a picture and nothing else."""
    refuse_sequences(model)
    tensor, _ = picture_input(model)
    return sample_file(declared_input(model, tensor.name), tensor)


def refuse_sequences(model: Model) -> None:
    """Raise NoSample for a model whose requests belong together, in formats that cannot say so."""
    if model.meta.sequence:
        raise NoSample("the model takes sequences of requests, which this API does not know")
