"""Active learning: pictures that leave the model in doubt are stored, beside what it said (`spec.evaluation`).

    Reply.flagged ─► Writers.offer ─► one bounded queue and thread a model ─► its sink, below each upload group

finding.py   one flagged picture, as the two files that are stored
sinks.py     a folder or a bucket, in which each file appears whole or not at all
writer.py    one model's queue: dropped when full, tried again, counted
writers.py   those of all models, as the configuration wants them

The answer waits for none of it, and nothing that goes wrong here fails a request.
"""

from modelport.gateway.evaluation.sinks import Sinks
from modelport.gateway.evaluation.writers import Writers

__all__ = ["Sinks", "Writers"]
