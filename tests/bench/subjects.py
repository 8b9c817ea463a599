"""What is compared where no picture is: the gateway and the Triton behind it, on the same three numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from server import Server, call, post

from modelport.loadtest.client import Request

MANIFEST = Path(__file__).parents[2] / "examples" / "1-half-plus-two.yaml"
MODEL = "half_plus_two"
VALUES = [1.0, 2.0, 5.0]
ANSWERS = [2.5, 3.0, 4.5]


@dataclass(frozen=True, slots=True)
class Subjects:
    """Two requests that have the same three answers."""

    gateway: Request
    triton: Request

    @classmethod
    def of(cls, server: Server) -> Subjects:
        """Return the requests of a server that runs half_plus_two."""
        infer = {"inputs": [{"name": "x", "shape": [len(VALUES), 1], "datatype": "FP32", "data": VALUES}]}
        subjects = cls(
            server.post(f"/v1/models/{MODEL}:predict", {"instances": VALUES}),
            post(f"{server.triton}/v2/models/{MODEL}/infer", infer),
        )
        subjects.check_answers()
        return subjects

    @property
    def requests(self) -> tuple[Request, Request]:
        """The gateway's and Triton's."""
        return self.gateway, self.triton

    def check_answers(self) -> None:
        """Fail unless both answer right: a fast wrong answer is no benchmark."""
        predictions = call(self.gateway)["predictions"]
        outputs = call(self.triton)["outputs"][0]["data"]
        if predictions != ANSWERS or outputs != ANSWERS:
            raise SystemExit(f"wrong answers: gateway {predictions}, Triton {outputs}, expected {ANSWERS}")
