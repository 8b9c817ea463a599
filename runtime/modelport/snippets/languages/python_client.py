"""Python with `modelport.client`: the class of each format in place of its JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modelport.snippets import strings
from modelport.snippets.call import FILE, KEY_VARIABLE, Call
from modelport.snippets.errors import SnippetError
from modelport.snippets.language import Language
from modelport.snippets.languages.python import NOTATION
from modelport.snippets.template import fill
from modelport.snippets.values import INDENT, scalars, write

_PROGRAM = """\
«base64»
import json
«os»
import sys

«numpy»
from modelport.client import Client, ClientError, «class»

URL = «url»

request = «class»(«arguments»)
with Client(«key») as client:
    try:
        answer = client.predict_at(URL, request)
    except ClientError as error:
        sys.exit(str(error))
print(json.dumps(«answer», ensure_ascii=False))
"""


@dataclass(frozen=True, slots=True)
class _Format:
    """How one format is called."""

    name: str
    """Of the request's class."""
    arguments: Callable[[Any, str | None], str]
    """Writes the arguments from a request's JSON, and a file's path."""
    answer: str
    """JSON values of the answer."""


def program(call: Call) -> str:
    """Write the program; raise SnippetError where the client has no class for the format, or it cannot say this."""
    form = _FORMATS.get(call.api)
    if form is None:
        raise SnippetError(f"modelport.client has no class for {call.api}; it has them for {', '.join(_FORMATS)}")
    try:
        arguments = form.arguments(call.body, call.file)
    except (KeyError, TypeError) as error:
        raise SnippetError(f"the server's example for {call.model!r} is not in the format {call.api}") from error
    return fill(
        _PROGRAM,
        **{"class": form.name},
        base64="import base64" if "base64." in arguments else "",
        numpy="import numpy as np" if "np." in arguments else "",
        os="import os" if call.key_needed else "",
        url=strings.python(call.url),
        arguments=arguments,
        key=f'key=os.environ.get("{KEY_VARIABLE}")' if call.key_needed else "",
        answer=form.answer,
    )


def _literal(value: Any) -> str:
    """Write a value; raise TypeError for a file, whose place the format must know."""
    if any(each is FILE for each in scalars(value)):
        raise TypeError("a file among values")
    return write(value, NOTATION)


def _keywords(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_literal(value)}" for name, value in values.items())


def _file(text: Any, path: str | None) -> str:
    """Write the path of a file, or the file's content as bytes."""
    if text is FILE and path:
        return strings.python(path)
    return f"base64.b64decode({strings.python(text)})"


def _mapping(values: Mapping[str, str]) -> str:
    """Write a dict of values that are written already."""
    lines = (f"{INDENT}{strings.python(name)}: {value},".replace("\n", f"\n{INDENT}") for name, value in values.items())
    return "\n".join(("{", *lines, "}"))


def _only(value: Any, *names: str) -> Mapping[str, Any]:
    """Return an object that has no other members than these; raise KeyError or TypeError for anything else."""
    for name in {*value} - {*names}:
        raise KeyError(name)
    return {name: value[name] for name in value}


def _tensorflow_serving(body: Any, path: str | None) -> str:
    return _keywords(_only(body, "signature_name", "instances", "inputs"))


def _open_inference(body: Any, path: str | None) -> str:
    tensors = {
        tensor["name"]: f"np.array({_literal(tensor['data'])}, {_DTYPES[tensor['datatype']]})"
        f".reshape({_literal(tensor['shape'])})"
        for tensor in _only(body, "inputs")["inputs"]
    }
    return _mapping(tensors)


def _nnc(body: Any, path: str | None) -> str:
    return _mapping(
        {
            each["name"]: _literal(each["data"]) if each["type"] == "vector" else _file(each["data"], path)
            for each in body["inputs"]
        }
    )


def _azureml(body: Any, path: str | None) -> str:
    pictures = [_only(each, "image_in_base64", "parameters") for each in body]
    images = ", ".join(_file(each["image_in_base64"], path) for each in pictures)
    parameters = pictures[0].get("parameters") or {}
    return f"[{images}]" + (f", {_keywords({'parameters': parameters})}" if parameters else "")


def _nexus(body: Any, path: str | None) -> str:
    image = _IMAGES[body["image_type"]](body["data"], path)
    return ", ".join(filter(None, (image, _keywords({"routines": body["routines"]} if "routines" in body else {}))))


def _prediction_one(body: Any, path: str | None) -> str:
    inputs = {each["name"]: each["data"] for each in body["inputs"]}
    wishes = {_WISHES[name]: value for name, value in inputs.items() if name != "pr"}
    wishes |= {name: not wishes[name] for name in ("probabilities", "row_numbers") if name in wishes}
    return ", ".join(filter(None, (_file(inputs["pr"], path), _keywords(wishes))))


_WISHES: Mapping[str, str] = {
    "ar": "reasons",
    "ad": "inputs",
    "nc": "probabilities",
    "nr": "row_numbers",
    "pc": "heading",
}
"""Arguments of PredictionOne by the document's words; `nc` and `nr` leave something out."""

_IMAGES: Mapping[str, Callable[[Any, str | None], str]] = {
    "base64": lambda data, path: _file(data, path),
    "array": lambda data, path: f"np.array({_literal(data)}, np.uint8)",
    "url": lambda data, path: strings.python(data),
}
"""The picture by the word of the Nexus document for what it is given as."""

_DTYPES: Mapping[str, str] = {
    "BOOL": "bool",
    **{f"INT{bits}": f"np.int{bits}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"np.uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"np.float{bits}" for bits in (16, 32, 64)},
    "BYTES": "object",
}
"""numpy's types by the protocol's names; its own has no BF16."""

_FORMATS: Mapping[str, _Format] = {
    "tensorflow-serving": _Format("TensorFlowServing", _tensorflow_serving, "answer.values"),
    "open-inference": _Format(
        "OpenInference",
        _open_inference,
        "{name: array.tolist() for name, array in answer.outputs.items()}, default=bytes.decode",
    ),
    "nnc": _Format("Nnc", _nnc, "{name: layer.data for name, layer in answer.outputs.items()}"),
    "azureml": _Format("AzureMl", _azureml, "answer.scores"),
    "nexus": _Format("Nexus", _nexus, "answer.answer"),
    "prediction-one": _Format("PredictionOne", _prediction_one, "answer.rows"),
}

LANGUAGE = Language(
    "python-client", needs="the package modelport", run="python ask.py", program=program, aliases=("client",)
)
