"""What a model takes, made of what a caller sends: `spec.io` carried out, the same for every wire format."""

from modelport.gateway.preprocess.picture import Prepared, prepare_picture
from modelport.gateway.preprocess.placement import Box, Placement, place
from modelport.gateway.preprocess.sound import prepare_sound

__all__ = ["Box", "Placement", "Prepared", "place", "prepare_picture", "prepare_sound"]
