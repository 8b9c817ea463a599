"""The operator: PublishedModels become Deployments and all that belongs to them.

    kopf's watches ─► store, queue ─► reconcile ─► desired (pure) ─► cluster ─► status (pure)

handlers.py     all of kopf
controller.py   the working process: queue, workers, resync
reconcile.py    one resource, from its spec to its status
desired/        pure builders, one for each child
cluster.py      all reading and writing of the cluster
status/         pure checks of what was observed
"""
