"""Resources and files for the tests of `modelport.local`."""

import pytest

from modelport.api import parse_manifest


@pytest.fixture
def make_resource():
    """A PublishedModel that is valid, with what a case is about laid over its spec."""

    def make(name="half", *, model_name=None, uri="file:models/half", **spec):
        model = {"format": "ONNX", "source": {"uri": uri}} | ({"name": model_name} if model_name else {})
        return parse_manifest(
            {
                "apiVersion": "modelport.io/v1alpha1",
                "kind": "PublishedModel",
                "metadata": {"name": name},
                "spec": {"model": model, "apis": ["tensorflow-serving"], **spec},
            },
            where="test",
        )

    return make


@pytest.fixture
def write_manifest(tmp_path):
    """Write a valid manifest, or any other text, and return its path."""

    def write(file="half.yaml", *, name="half", model_name=None, text=None, extra=""):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            text
            or f"""\
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {{name: {name}}}
spec:
  model: {{name: {model_name or name}, format: ONNX, source: {{uri: "file:models/half"}}}}
  apis: [tensorflow-serving]
{extra}"""
        )
        return path

    return write
