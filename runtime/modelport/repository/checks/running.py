"""Whether this Triton can run the model at all: backend, device, library versions, parameters."""

from __future__ import annotations

from collections.abc import Iterator

from modelport.api.serverless import serverless_of, size_problem
from modelport.repository.checks.problem import Problem, names
from modelport.repository.formats.onnx import OPSET
from modelport.repository.formats.registry import FORMATS
from modelport.repository.inspect import Inspected
from modelport.repository.triton_config import backend_of


def backend_is_there(model: Inspected) -> Iterator[Problem]:
    """The backend is one that this Triton has."""
    spec, triton = model.resource.spec, model.capabilities
    has = f"{triton.name} ({triton.version}) has only {names(sorted(triton.backends))}"
    if spec.model.format == "TritonRepository":
        wanted = backend_of(model.config)
        if not wanted:
            yield Problem("spec.model.format", "config.pbtxt names no backend; add the line backend: …")
        elif wanted == "ensemble":
            yield Problem(
                "spec.model.format",
                "config.pbtxt is an ensemble; its members belong to other models, which is not served",
            )
        elif wanted not in triton.backends:
            hint = "; with format ONNX it is run here" if wanted == "onnxruntime" and triton.runners else ""
            yield Problem("spec.model.format", f"config.pbtxt asks for the backend {wanted}, but {has}{hint}")
    elif model.backend is None:
        needs = " or ".join(backend.name for backend in FORMATS[spec.model.format].backends)
        yield Problem("spec.model.format", f"{spec.model.format} needs the backend {needs}, but {has}; use ONNX here")


def device_fits(model: Inspected) -> Iterator[Problem]:
    """The backend computes on the device that is asked for."""
    device = model.resource.spec.execution.device
    if model.backend is not None and device not in model.backend.devices:
        how = f"{model.resource.spec.model.format} by the backend {model.backend.name}"
        able = " and ".join(sorted(model.backend.devices))
        yield Problem("spec.execution.device", f"{device}, but {model.capabilities.name} runs {how} on {able} only")


def onnx_is_known(model: Inspected) -> Iterator[Problem]:
    """The file's format and operators are not newer than this Triton's onnxruntime."""
    triton = model.capabilities
    reads = f"but onnxruntime in {triton.name} reads up to"
    for number, signature in model.versions.items():
        facts = signature.facts
        ir = int(facts.get("ir_version", 0))
        if OPSET + "ai.onnx" in facts and triton.onnx_ir is not None and ir > triton.onnx_ir:
            yield Problem(
                "spec.model.source",
                f"version {number} is written in ONNX IR version {ir}, {reads} {triton.onnx_ir}; export it with an"
                " older onnx package, or lower its ir_version",
            )
        for domain, newest in triton.onnx_opsets.items():
            opset = int(facts.get(OPSET + domain, 0))
            if opset > newest:
                yield Problem(
                    "spec.model.source",
                    f"version {number} uses opset {opset} of {domain}, {reads} {newest}; export it with a lower opset",
                )


def runner_takes_dtypes(model: Inspected) -> Iterator[Problem]:
    """A model that runs inside the Python backend has no BF16 tensors: numpy, which carries them there, has none."""
    if model.backend is None or model.backend.runner is None:
        return
    for tensor in (*model.newest.inputs, *model.newest.outputs):
        if tensor.dtype == "BF16":
            yield Problem(
                "spec.model.source",
                f"'{tensor.name}' is BF16, which {model.capabilities.name} cannot pass on; cast it to FP32",
            )


def runner_knows_parameters(model: Inspected) -> Iterator[Problem]:
    """A runner's parameters are its own and whole numbers; Triton's backends check theirs by themselves."""
    known = None if model.backend is None else model.backend.parameters
    if known is None:
        return
    for key, value in model.resource.spec.model.config.parameters.items():
        path = f"spec.model.config.parameters.{key}"
        if key not in known:
            yield Problem(path, f"unknown to {model.capabilities.name}; expected one of {names(sorted(known))}")
        elif not value.isascii() or not value.isdigit():
            yield Problem(path, f"a whole number expected, '{value}' came")


def serverless_is_small(model: Inspected) -> Iterator[Problem]:
    """A Serverless model is small enough to start with a request; each version counts by itself."""
    if serverless_of(model.resource.spec) is None:
        return
    for number, signature in model.versions.items():
        problem = size_problem(sum(path.stat().st_size for path in signature.files.values()))
        if problem:
            which = f"version {number}: " if len(model.versions) > 1 else ""
            yield Problem("spec.execution.type", f"{which}{problem}")
