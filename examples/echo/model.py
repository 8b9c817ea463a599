"""A model in plain Python: answers each text, or any other bytes, with itself.

Triton's Python backend runs this file. `auto_complete_config` tells Triton the tensors, so that no config.pbtxt is
needed: `text` and `echo`, BYTES of any length, one-dimensional.
"""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One instance of the model; Triton calls its methods by these names."""

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        """Declare the input and the output."""
        config.add_input({"name": "text", "data_type": "TYPE_STRING", "dims": [-1]})
        config.add_output({"name": "echo", "data_type": "TYPE_STRING", "dims": [-1]})
        return config

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with its own input; elements are `bytes` and are never decoded."""
        texts = (pb_utils.get_input_tensor_by_name(request, "text") for request in requests)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("echo", text.as_numpy())]) for text in texts]
