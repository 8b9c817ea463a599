"""The generated config.pbtxt, whole, and the layers that people lay over it."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Backend, ModelSignature, Tensor
from modelport.repository.triton_config import build_config, format_config, keep_config, parse_config, tensors_of

ONNX = Backend("onnxruntime")


def signature(*, x: tuple[int, ...] = (-1, 3), y: tuple[int, ...] = (-1,), batchable: bool = True) -> ModelSignature:
    return ModelSignature(
        files={}, inputs=(Tensor("x", "FP32", x),), outputs=(Tensor("y", "BYTES", y),), batchable=batchable
    )


def config(resource: Any, found: ModelSignature, beside: str | None = None) -> Any:
    layer = None if beside is None else parse_config(beside, "config.pbtxt")
    return build_config("m", resource.spec, found, ONNX, layer)


@pytest.mark.parametrize(
    ("spec", "found", "expected"),
    [
        (
            {},
            signature(),
            """
            name: "m" backend: "onnxruntime" version_policy { all {} } max_batch_size: 64
            input { name: "x" data_type: TYPE_FP32 dims: 3 }
            output { name: "y" data_type: TYPE_STRING dims: 1 reshape {} }
            instance_group { kind: KIND_CPU count: 1 }
            """,
        ),
        (
            {},
            signature(x=(1, 3), y=(), batchable=False),
            """
            name: "m" backend: "onnxruntime" version_policy { all {} }
            input { name: "x" data_type: TYPE_FP32 dims: [1, 3] }
            output { name: "y" data_type: TYPE_STRING dims: 1 }
            instance_group { kind: KIND_CPU count: 1 }
            """,
        ),
        (
            {"model": {"config": {"maxBatchSize": 0}}},
            signature(),
            """
            name: "m" backend: "onnxruntime" version_policy { all {} }
            input { name: "x" data_type: TYPE_FP32 dims: [-1, 3] }
            output { name: "y" data_type: TYPE_STRING dims: -1 }
            instance_group { kind: KIND_CPU count: 1 }
            """,
        ),
        (
            {
                "model": {
                    "config": {
                        "maxBatchSize": 8,
                        "dynamicBatching": {"maxQueueDelayMicroseconds": 200, "preferredBatchSizes": [4, 8]},
                        "instancesPerGpu": 2,
                        "parameters": {"intra_op_thread_count": "2"},
                    }
                },
                "execution": {"device": "GPU"},
            },
            signature(y=(-1, 2)),
            """
            name: "m" backend: "onnxruntime" version_policy { all {} } max_batch_size: 8
            input { name: "x" data_type: TYPE_FP32 dims: 3 }
            output { name: "y" data_type: TYPE_STRING dims: 2 }
            dynamic_batching { max_queue_delay_microseconds: 200 preferred_batch_size: [4, 8] }
            instance_group { kind: KIND_GPU count: 2 }
            parameters { key: "intra_op_thread_count" value { string_value: "2" } }
            """,
        ),
        (
            {},
            ModelSignature(files={}),
            """
            name: "m" backend: "onnxruntime" version_policy { all {} }
            instance_group { kind: KIND_CPU count: 1 }
            """,
        ),
    ],
    ids=[
        "rows, and rows that are single numbers",
        "no free batch dimension",
        "batching switched off",
        "everything that the manifest can say",
        "tensors that nobody knows",
    ],
)
def test_what_is_generated(spec: dict[str, Any], found: ModelSignature, expected: str, manifest: Any) -> None:
    assert config(manifest(**spec), found) == parse_config(expected, "expected")


def test_the_file_reads_back_to_the_same_configuration(manifest: Any) -> None:
    built = config(manifest(), signature())
    assert parse_config(format_config(built), "config.pbtxt") == built


class TestLayers:
    def test_what_a_layer_names_wins_and_the_rest_stays(self, manifest: Any) -> None:
        resource = manifest({"config": {"pbtxt": "instance_group { count: 3 }", "parameters": {"a": "1"}}})
        built = config(resource, signature(), 'parameters { key: "b" value { string_value: "2" } } max_batch_size: 4')
        assert [group.count for group in built.instance_group] == [3]
        assert {key: value.string_value for key, value in built.parameters.items()} == {"a": "1", "b": "2"}
        assert built.max_batch_size == 4
        assert [list(tensor.dims) for tensor in built.input] == [[3]]

    def test_the_manifests_layer_wins_over_the_one_beside_the_model(self, manifest: Any) -> None:
        resource = manifest({"config": {"pbtxt": "max_batch_size: 16"}})
        assert config(resource, signature(), "max_batch_size: 4").max_batch_size == 16

    @pytest.mark.parametrize(
        ("settings", "beside", "message"),
        [
            ({}, 'name: "other"', 'name "other" contradicts spec.model.name (m)'),
            ({}, 'backend: "pytorch"', 'backend "pytorch" contradicts spec.model.format (ONNX)'),
            ({}, 'platform: "tensorrt_plan"', 'backend "tensorrt" contradicts spec.model.format (ONNX)'),
            (
                {"maxBatchSize": 8},
                "max_batch_size: 4",
                "max_batch_size 4 contradicts spec.model.config.maxBatchSize (8)",
            ),
            (
                {"dynamicBatching": {}},
                "sequence_batching {}",
                "sequence_batching contradicts spec.model.config.dynamicBatching (set)",
            ),
            (
                {"instancesPerGpu": 2},
                "instance_group { count: 1 }",
                "instance_group contradicts spec.model.config.instancesPerGpu (2)",
            ),
            (
                {"parameters": {"a": "1"}},
                'parameters { key: "a" value { string_value: "2" } }',
                'parameter "a" contradicts spec.model.config.parameters.a (1)',
            ),
        ],
        ids=["name", "backend", "platform", "batch size", "scheduling", "instances", "a parameter"],
    )
    def test_a_layer_may_not_contradict_the_manifest(
        self, settings: dict[str, Any], beside: str, message: str, manifest: Any
    ) -> None:
        resource = manifest({"config": settings}, execution={"device": "GPU"})
        with pytest.raises(InvalidModel) as caught:
            config(resource, signature(), beside)
        assert str(caught.value) == f"config.pbtxt beside the model: {message}; leave one of them out"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "max_batch: 3",
                'config.pbtxt: 1:1 : Message type "inference.ModelConfig" has no field named "max_batch".',
            ),
            ("max_batch_size: many", "config.pbtxt: 1:17 : 'max_batch_size: many': Couldn't parse integer: many"),
        ],
        ids=["an unknown field", "a wrong value"],
    )
    def test_text_that_is_no_configuration_is_told_with_its_place(self, text: str, message: str) -> None:
        with pytest.raises(InvalidModel) as caught:
            parse_config(text, "config.pbtxt")
        assert str(caught.value).startswith(message)


class TestTritonRepository:
    def test_its_own_configuration_is_kept_but_for_the_versions(self, manifest: Any) -> None:
        own = parse_config(
            'backend: "x" max_batch_size: 2 version_policy { latest { num_versions: 1 } }', "config.pbtxt"
        )
        kept = keep_config("m", manifest({"format": "TritonRepository"}).spec, own)
        assert kept == parse_config(
            'name: "m" backend: "x" max_batch_size: 2 version_policy { all {} }', "config.pbtxt"
        )

    def test_a_manifest_that_says_otherwise_is_refused(self, manifest: Any) -> None:
        own = parse_config('name: "other"', "config.pbtxt")
        with pytest.raises(InvalidModel, match=r'name "other" contradicts spec\.model\.name \(m\)'):
            keep_config("m", manifest({"format": "TritonRepository"}).spec, own)


def test_declared_tensors_are_read_with_their_complete_shapes() -> None:
    declared = parse_config(
        """
        max_batch_size: 8
        input { name: "a" data_type: TYPE_FP16 dims: 3 }
        input { name: "b" data_type: TYPE_STRING dims: 1 reshape {} }
        output { name: "c" data_type: TYPE_BOOL dims: [2, -1] }
        """,
        "config.pbtxt",
    )
    assert tensors_of(declared) == (
        (Tensor("a", "FP16", (-1, 3)), Tensor("b", "BYTES", (-1,))),
        (Tensor("c", "BOOL", (-1, 2, -1)),),
    )
