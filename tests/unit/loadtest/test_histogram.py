"""Percentiles by nearest rank: exact below 2 ms, within 0.1 % above, in bounded memory."""

import random

import pytest

from modelport.loadtest.histogram import Histogram


def filled(*milliseconds: float) -> Histogram:
    histogram = Histogram()
    for latency in milliseconds:
        histogram.record(latency / 1e3)
    return histogram


@pytest.mark.parametrize(
    ("percent", "milliseconds"),
    [(50, 0.5), (90, 0.9), (99, 1.0), (100, 1.0), (10, 0.1), (10.1, 0.2)],
)
def test_percentile_is_the_nearest_rank(percent, milliseconds):
    tenths = filled(*(n / 10 for n in range(10, 0, -1)))
    assert tenths.percentile(percent) == pytest.approx(milliseconds / 1e3)


def test_percentile_of_nothing_is_none():
    assert Histogram().percentile(50) is None


def test_percentiles_are_never_better_than_exact_and_at_most_a_thousandth_worse():
    latencies = sorted(random.Random(1).lognormvariate(-4, 2) for _ in range(2_000))
    histogram = filled(*(latency * 1e3 for latency in latencies))
    for percent in (1, 50, 90, 99, 99.9, 100):
        exact = round(latencies[-int(-len(latencies) * percent // 100) - 1] * 1e6) / 1e6
        assert exact <= histogram.percentile(percent) <= exact * 1.001 + 1e-6


def test_the_longest_latency_is_exact():
    assert filled(1.0, 12_345.678).percentile(100) == pytest.approx(12.345678)


def test_memory_is_bounded_however_different_the_latencies():
    histogram = Histogram()
    for microseconds in range(0, 60_000_000, 997):
        histogram.record(microseconds / 1e6)
    assert len(histogram.cells) < 20_000


def test_merged_histograms_are_the_histogram_of_all_latencies():
    left, right = filled(1, 2, 3000), filled(1, 5000)
    left.merge(right)
    assert left == filled(1, 2, 3000, 1, 5000)
