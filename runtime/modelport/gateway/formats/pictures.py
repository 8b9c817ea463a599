"""Which input of a model takes the picture, for formats whose requests name none."""

from __future__ import annotations

from modelport.api.io import ImageInput
from modelport.gateway.errors import InternalError
from modelport.gateway.formats.base import Model
from modelport.gateway.tensors import TensorSpec


def picture_input(model: Model) -> tuple[TensorSpec, ImageInput]:
    """Return the model's one input and how a picture becomes it.

    Raises:
        InternalError: the model's own input is another one, which its publisher should know.
    """
    declared = [each for each in model.spec.io.inputs if each.kind == "Image"]
    needed = [name for name, spec in model.meta.inputs.items() if not spec.optional]
    if len(declared) != 1 or not set(needed) <= {declared[0].name} or declared[0].name not in model.meta.inputs:
        raise InternalError(
            f"spec.io.inputs: pictures need one input of kind Image and no other that must be given; declared are "
            f"{', '.join(repr(each.name) for each in declared) or 'none'}, the model takes "
            f"{', '.join(map(repr, needed)) or 'nothing'}"
        )
    return model.meta.inputs[declared[0].name], declared[0].image or ImageInput()
