"""`spec.evaluation` and `spec.retraining`: how a model gets better."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelport.api.frozen import Frozen, Rule
from modelport.api.pod import Resources
from modelport.api.scalars import Fraction, ImageName, ListSet, Tag, Uri
from modelport.api.source import SecretRef

RetrainingTask = Literal["ImageClassification", "TabularClassification", "TabularRegression"]


class Storage(Frozen):
    """A place for files."""

    uri: Uri
    """Address of a folder, such as s3://retraining/tableware/."""
    secret_ref: SecretRef | None = None
    """Secret with the credentials for the address. Absent: the Pod's own identity."""


class Evaluation(Frozen):
    """Which requests are worth a second look (active learning)."""

    strategy: Literal["Entropy"] = "Entropy"
    """How doubt is measured: the entropy of the predictions, 0 (sure) to 1."""
    threshold: Fraction = 0.6
    """Doubt from which a picture is flagged. 0.6 by default."""
    upload_groups: Annotated[tuple[Tag, ...], Field(max_length=16), ListSet()] = ()
    """Groups below the sink to which flagged pictures are stored. Absent: the sink itself."""
    sink: Storage | None = None
    """Where flagged pictures are stored. Absent: they are flagged in the answer only."""

    rules = (
        Rule(
            "!has(self.uploadGroups) || size(self.uploadGroups) == 0 || has(self.sink)",
            "uploadGroups needs a sink to store to",
            ".uploadGroups",
        ),
    )


class Retraining(Frozen):
    """How the model is trained again from new data."""

    task: RetrainingTask
    """What is trained; the same as `spec.io.task`."""
    storage: Storage
    """Where data, reports and new versions are kept."""
    image: ImageName | None = None
    """Image of the trainer. Absent: the one of this release."""
    resources: Resources = Resources()
    """Requests and limits of the trainer."""
    switch: Literal["Manual", "IfBetter"] = "Manual"
    """When the new version is served: Manual waits for the call that says so, IfBetter takes it when its evaluation is
    better. Manual by default."""
