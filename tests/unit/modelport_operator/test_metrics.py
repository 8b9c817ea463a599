"""Every metric is counted under the name that the reference tells."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from modelport_operator.metrics import METRICS, Metrics
from modelport_operator.reference import build_page


def test_each_metric_has_its_value() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.called("PATCH", 201)
    metrics.called("GET", 0)
    metrics.reconciled("done", 0.02)
    metrics.waiting(3)
    metrics.model("vision", "cups", "Loading")
    metrics.model("vision", "cups", "Serving")
    metrics.model("vision", "cups", "Serving")
    metrics.model("audio", "cups", "Failed")
    metrics.model("vision", "gone", "Failed")
    metrics.model("vision", "gone", None)
    metrics.model("vision", "never", None)
    metrics.leads(True)
    told = {
        (sample.name.removeprefix("modelport_operator_"), *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }
    assert told == {
        ("api_calls_total", "PATCH", "201"): 1,
        ("api_calls_total", "GET", "none"): 1,
        ("reconciles_total", "done"): 1,
        ("reconcile_duration_seconds_count",): 1,
        ("reconcile_duration_seconds_sum",): 0.02,
        ("queue_length",): 3,
        ("model_state", "vision", "cups", "Serving"): 1,
        ("model_state", "audio", "cups", "Failed"): 1,
        ("leader",): 1,
    }


def test_models_are_forgotten_by_a_process_that_begins_anew() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.model("vision", "cups", "Serving")
    metrics.forget_models()
    metrics.model("vision", "cups", None)
    assert (
        metrics.registry.get_sample_value(
            "modelport_operator_model_state", {"namespace": "vision", "name": "cups", "state": "Serving"}
        )
        is None
    )


def test_the_table_has_each_metric_once_and_the_page_all_of_them() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    registry = CollectorRegistry()
    Metrics(registry)
    assert [family.name for family in registry.collect()] == names
    page = build_page()
    assert all(name in page for name in names)
