"""A model for Triton's Python backend that takes as many seconds as it is asked for, and answers with them."""

import time
from typing import Any

import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]


class TritonPythonModel:
    """One instance of the model; Triton calls its methods by these names."""

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        """Declare `seconds` and `slept`, FP32, of any length and the same."""
        config.add_input({"name": "seconds", "data_type": "TYPE_FP32", "dims": [-1]})
        config.add_output({"name": "slept", "data_type": "TYPE_FP32", "dims": [-1]})
        return config

    def execute(self, requests: list[Any]) -> list[Any]:
        """Sleep for one request after the other."""
        answers = []
        for request in requests:
            seconds = pb_utils.get_input_tensor_by_name(request, "seconds").as_numpy()
            time.sleep(float(seconds.sum()))
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("slept", seconds)]))
        return answers
