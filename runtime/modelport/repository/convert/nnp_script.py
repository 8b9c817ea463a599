"""Write the ONNX model of an NNP file: `python nnp_script.py model.nnp model.onnx`.

Runs in an interpreter that has nnabla, not in Modelport's. The exporter alone is imported: the converter's own command
line asks for TensorFlow, which this way does not need. The batch size is the file's own, since the graph may hold it in
its reshapes.
"""

from __future__ import annotations

import sys

from nnabla.utils.converter.nnabla import NnpImporter
from nnabla.utils.converter.onnx import OnnxExporter


def main(source: str, result: str) -> None:
    """Convert the file's first executor."""
    nnp = NnpImporter(source, expand_network=True, executor_index=None).execute()
    OnnxExporter(nnp, nnp.protobuf.network[0].batch_size, -1, opset="11").execute(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
