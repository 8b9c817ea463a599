"""What a model takes, made of what a caller sends: `spec.io` carried out, the same for every wire format."""

from modelport.gateway.preprocess.picture import Prepared, model_size, prepare_picture, reduction
from modelport.gateway.preprocess.placement import Box, Placement, place
from modelport.gateway.preprocess.sound import prepare_sound, sound_axes

__all__ = [
    "Box",
    "Placement",
    "Prepared",
    "model_size",
    "place",
    "prepare_picture",
    "prepare_sound",
    "reduction",
    "sound_axes",
]
