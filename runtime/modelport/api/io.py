"""`spec.io`: what the model's tensors mean, so that pictures, tables and sounds can be sent and labels returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from modelport.api.frozen import Frozen, Rule
from modelport.api.scalars import Fraction, ListMap, ListSet, Name, RelativeFile

Task = Literal[
    "Tensor",
    "ImageClassification",
    "ObjectDetection",
    "InstanceSegmentation",
    "TabularClassification",
    "TabularRegression",
    "AudioClassification",
]
InputKind = Literal["Tensor", "Image", "Audio"]
ResizePolicy = Literal["Exact", "Stretch", "Letterbox", "CenterCrop"]
SignatureMethod = Literal["Predict", "Classify", "Regress"]
BoxFormat = Literal["xyxy", "yxyx", "xywh", "cxcywh"]

_Pixels = Annotated[int, Field(ge=1, le=16384)]
_Channel = Annotated[float, Field(ge=-1e9, le=1e9)]
_Deviation = Annotated[float, Field(gt=0, le=1e9)]
_Scale = Annotated[float, Field(gt=0, le=1e9)]


def _feature_value(value: JsonValue) -> JsonValue:
    kinds = {type(entry) for entry in (value if isinstance(value, list) else [value])}
    if len(kinds) != 1 or not kinds <= {bool, int, float, str}:
        raise PydanticCustomError("feature_value", "a number, text, true or false, or a list of one of these kinds")
    return value


_FeatureValue = Annotated[JsonValue, AfterValidator(_feature_value)]


class ImageInput(Frozen):
    """How a picture becomes a tensor: (value x scale - mean) / std of every channel."""

    width: _Pixels | None = None
    """Width in pixels that the model takes. Absent, like the height: the size in the model's own metadata."""
    height: _Pixels | None = None
    """Height in pixels that the model takes."""
    resize: ResizePolicy = "Exact"
    """What happens to a picture of another size. Exact refuses it and names both sizes; Stretch changes its
    proportions; Letterbox keeps them and pads; CenterCrop covers the size and cuts the middle out. Exact by default,
    since nobody but the model's author knows how it was trained."""
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    """Order of the tensor's dimensions: batch, channels, height, width or batch, height, width, channels."""
    color: Literal["RGB", "BGR", "Gray"] = "RGB"
    """Channels of the tensor and their order; Gray is one channel by ITU-R 601."""
    scale: _Scale = 1.0
    """Factor on the values 0 to 255, before mean and std; 0.00392157 for 0 to 1."""
    mean: Annotated[tuple[_Channel, ...], Field(max_length=3)] = ()
    """Subtracted after the scale: one value, or one for each channel in the order of `color`. Absent: 0."""
    std: Annotated[tuple[_Deviation, ...], Field(max_length=3)] = ()
    """Divided by at last: one value, or one for each channel in the order of `color`. Absent: 1."""
    pad_color: Annotated[int, Field(ge=0, le=255)] = 114
    """Value of the border that Letterbox adds, 0 to 255 in every channel, before the scale. 114, as YOLO models are
    trained with."""
    reduce_jpeg: bool = True
    """Whether a JPEG that is much larger than the model's picture is read at a half, a quarter or an eighth of its
    size, and scaled from there: several times cheaper, and in photographs hardly to be told from reading every pixel.
    false for models of print, line drawings and fine patterns."""
    frame: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Which frame of a DICOM file with several is taken, from 0. Absent: such a file is refused."""

    rules = (
        Rule("has(self.width) == has(self.height)", "width and height go together"),
        Rule(
            "!has(self.mean) || size(self.mean) <= 1 || size(self.mean) == (self.color == 'Gray' ? 1 : 3)",
            "mean needs one value, or one for each channel",
            ".mean",
        ),
        Rule(
            "!has(self.std) || size(self.std) <= 1 || size(self.std) == (self.color == 'Gray' ? 1 : 3)",
            "std needs one value, or one for each channel",
            ".std",
        ),
    )


class AudioInput(Frozen):
    """How a wav file becomes a tensor."""

    scale: _Scale = 1.0
    """Factor on the 16-bit values; 0.000030517578125 for -1 to 1. 1 by default: the values as they are in the file."""
    layout: Literal["LC", "CL"] = "LC"
    """Order of the tensor's dimensions: length and channels, or channels and length."""
    sample_rate: Annotated[int, Field(ge=1000, le=768000)] | None = None
    """Samples per second that the model takes; a file of another rate is resampled. Absent: the file's own rate."""


class Input(Frozen):
    """One input of the model and what it stands for."""

    name: Name
    """Name of the model's input."""
    kind: InputKind = "Tensor"
    """What callers send for it: a Tensor as numbers or text, an Image or an Audio file."""
    image: ImageInput | None = None
    """How a picture becomes this tensor, with kind Image. Absent there: every field's default."""
    audio: AudioInput | None = None
    """How a wav file becomes this tensor, with kind Audio. Absent there: every field's default."""

    rules = (
        Rule("self.kind == 'Image' || !has(self.image)", "image goes with kind Image alone", ".image"),
        Rule("self.kind == 'Audio' || !has(self.audio)", "audio goes with kind Audio alone", ".audio"),
    )


class Tabular(Frozen):
    """How the columns of a table become one wide input."""

    columns: Annotated[tuple[Name, ...], Field(min_length=1, max_length=2048), ListSet()]
    """Columns in the order in which the model takes them."""
    target: Name | None = None
    """Column that the model predicts: it heads the answer and is not read from a request. Absent: `prediction`."""


class Signature(Frozen):
    """A signature of TensorFlow Serving's API, which Triton's models do not have by themselves."""

    name: Name
    """Name that requests give as `signature_name`; serving_default answers those that give none."""
    method: SignatureMethod = "Predict"
    """The call that the signature answers."""
    inputs: Annotated[Mapping[str, Name], Field(max_length=256)] = Field(default_factory=dict)
    """Feature or input name in requests, and the model's input that takes it. Absent: the model's own names."""
    outputs: Annotated[Mapping[str, Name], Field(max_length=256)] = Field(default_factory=dict)
    """Name in answers, and the model's output behind it: `scores` and perhaps `classes` for Classify, `outputs` for
    Regress, any for Predict. Absent: the model's own outputs."""
    defaults: Annotated[Mapping[str, _FeatureValue], Field(max_length=256)] = Field(default_factory=dict)
    """Values of features that an example may leave out, with Classify and Regress: a number, text, true or false, or a
    list of one of these kinds. Absent: every feature is needed."""

    rules = (
        Rule(
            "self.method != 'Classify' || !has(self.outputs) || size(self.outputs) == 0 "
            "|| ('scores' in self.outputs && self.outputs.all(name, name in ['scores', 'classes']))",
            "the outputs of method Classify are `scores` and, if the model has them, `classes`",
            ".outputs",
        ),
        Rule(
            "self.method != 'Regress' || !has(self.outputs) || size(self.outputs) == 0 "
            "|| self.outputs.all(name, name == 'outputs')",
            "the output of method Regress is `outputs`",
            ".outputs",
        ),
        Rule(
            "self.method != 'Predict' || !has(self.defaults)",
            "defaults go with methods Classify and Regress, whose examples may leave features out",
            ".defaults",
        ),
    )


class DetectionOutputs(Frozen):
    """Which output holds what."""

    boxes: Name
    """Output with the boxes, in `boxFormat` and `boxUnits`."""
    scores: Name
    """Output with the scores of the boxes, 0 to 1."""
    classes: Name | None = None
    """Output with the class numbers. Absent: the scores have one column for each class."""
    count: Name | None = None
    """Output with the number of boxes that count. Absent: all of them."""
    masks: Name | None = None
    """Output with a mask for each box, of the picture's size or of the box."""


class Yolo(Frozen):
    """A raw YOLO head, whose boxes the gateway thins out."""

    output: Name
    """Output with the raw predictions."""
    layout: Literal["V5", "V8"]
    """V5: boxes, objectness and classes for each anchor. V8: boxes and classes first, anchors last."""


class Detection(Frozen):
    """Which tensors hold the predictions; one of `outputs` and `yolo`."""

    outputs: DetectionOutputs | None = None
    """Outputs of a model that gives final boxes."""
    box_format: BoxFormat = "xyxy"
    """Order of a box's numbers: corners (xyxy, yxyx), corner and size (xywh), or centre and size (cxcywh)."""
    box_units: Literal["Pixels", "Fractions"] = "Pixels"
    """Unit of a box's numbers: pixels of the model's input, or fractions of it."""
    yolo: Yolo | None = None
    """Raw head of a model that leaves overlapping boxes to the gateway."""
    class_offset: Annotated[int, Field(ge=0, le=1000)] = 0
    """Subtracted from the model's class numbers: 1 for models that count from 1 or keep 0 for the background."""
    score_threshold: Fraction = 0.3
    """Lowest score of a prediction that is returned. 0.3, below which most models guess."""
    iou_threshold: Fraction | None = None
    """Overlap above which only the better of two boxes of a class stays, with `yolo`. Absent there: 0.5."""
    mask_threshold: Fraction | None = None
    """Value from which a mask's pixel belongs to the object, with `outputs.masks`. Absent there: 0.5."""

    rules = (
        Rule("has(self.outputs) != has(self.yolo)", "one of outputs and yolo is needed, and only one"),
        Rule(
            "!has(self.yolo) || self.boxFormat in ['xyxy', 'cxcywh']",
            "boxFormat goes with outputs: the boxes of a raw YOLO head are always cxcywh",
            ".boxFormat",
        ),
        Rule(
            "!has(self.iouThreshold) || has(self.yolo)",
            "iouThreshold goes with yolo: the model's own outputs are final",
            ".iouThreshold",
        ),
        Rule(
            "!has(self.maskThreshold) || (has(self.outputs) && has(self.outputs.masks))",
            "maskThreshold goes with outputs.masks",
            ".maskThreshold",
        ),
    )


class Io(Frozen):
    """What the model's tensors mean."""

    task: Task = "Tensor"
    """What the model is for; it decides which APIs fit. Tensor, the default, promises nothing but tensors."""
    inputs: Annotated[tuple[Input, ...], Field(max_length=64), ListMap("name")] = ()
    """Inputs that are more than tensors. An input not listed is a Tensor."""
    labels: Annotated[tuple[Name, ...], Field(max_length=20000)] = ()
    """Names of the classes in the model's order."""
    labels_from: RelativeFile | None = None
    """File beside the model with the names of the classes, one a line."""
    signatures: Annotated[tuple[Signature, ...], Field(max_length=32), ListMap("name")] = ()
    """Signatures for TensorFlow Serving's API. Absent: serving_default with method Predict and the model's own
    tensors."""
    detection: Detection | None = None
    """Which tensors hold the predictions of a detection or segmentation model."""
    tabular: Tabular | None = None
    """How a table becomes one wide input. Absent: every column is an input of its own."""

    rules = (
        Rule(
            "!has(self.labels) || size(self.labels) == 0 || !has(self.labelsFrom)",
            "labels and labelsFrom exclude each other",
            ".labelsFrom",
        ),
        Rule(
            "has(self.detection) == (self.task in ['ObjectDetection', 'InstanceSegmentation'])",
            "detection goes with tasks ObjectDetection and InstanceSegmentation, which need it",
            ".detection",
        ),
        Rule(
            "self.task != 'InstanceSegmentation' || !has(self.detection) "
            "|| (has(self.detection.outputs) && has(self.detection.outputs.masks))",
            "task InstanceSegmentation needs detection.outputs.masks",
            ".detection",
        ),
        Rule(
            "!has(self.tabular) || self.task in ['TabularClassification', 'TabularRegression']",
            "tabular goes with tasks TabularClassification and TabularRegression alone",
            ".tabular",
        ),
    )
