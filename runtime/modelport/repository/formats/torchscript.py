"""TorchScript: `model.pt`, as `torch.jit.save` writes it. It names no tensors; a config.pbtxt beside it must."""

from __future__ import annotations

import zipfile
from pathlib import Path

from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Backend, Format, ModelSignature
from modelport.repository.formats.files import sole_file

MODEL = "model.pt"


def inspect(path: Path) -> ModelSignature:
    """Tell a scripted module from the other things that are saved as .pt."""
    file = sole_file(path, MODEL)
    try:
        with zipfile.ZipFile(file) as archive:
            members = {member.partition("/")[2] for member in archive.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise InvalidModel(f"{file.name}: not a TorchScript archive: {error}") from error
    if "constants.pkl" not in members:
        what = "a pickled module or its weights" if "data.pkl" in members else "another kind of archive"
        raise InvalidModel(
            f"{file.name}: {what}, not TorchScript; save it with torch.jit.script(model).save('{MODEL}'), or export"
            " it to ONNX"
        )
    return ModelSignature(files={MODEL: file}, described=False)


TORCHSCRIPT = Format("TorchScript", inspect, (Backend("pytorch"),))
