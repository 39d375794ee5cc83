"""Streaming measures against the same measures on all rows at once."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import (
    ArrayChunks,
    fpr_at_tpr,
    operating_point,
    rates_at,
    streaming_fpr_at_tpr,
    streaming_operating_point,
    streaming_rates_at,
)
from rarecall.metrics.narrowing import _keys, _number


class Counted:
    """Chunks that count how often they are read."""

    def __init__(self, scores, targets, rows):
        self.chunks = ArrayChunks(scores, targets, rows)
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        return iter(self.chunks)


def made(kind: str, n: int = 3000, positives: float = 0.3, seed: int = 0):
    rng = np.random.default_rng(seed)
    targets = (rng.random(n) < positives).astype(np.int64)
    targets[:2] = 0, 1
    scores = rng.standard_normal(n) + targets
    scores = {
        "spread": scores,
        "ties": scores.round(1),
        "all equal": np.zeros(n),
        "two zeros": np.where(rng.random(n) < 0.5, 0.0, -0.0),
        "offset": scores + 1e4,
        "tiny steps": 1.0 + np.spacing(1.0) * rng.integers(0, 40, n),
        "huge": scores * 1e300,
        "subnormal": scores * 5e-320,
        "saturated": 1.0 / (1.0 + np.exp(-20 * scores)),
    }[kind]
    return scores, targets


SOME = ["spread", "ties", "all equal", "two zeros", "offset"]
KINDS = [*SOME, "tiny steps", "huge", "subnormal", "saturated"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("memory", [1, 7, 100, 10**6])
@pytest.mark.parametrize("tpr", [0.02, 0.9, 0.95, 1.0])
def test_chunks_give_the_very_numbers_of_all_rows_at_once(kind, memory, tpr):
    scores, targets = made(kind)
    chunks = Counted(scores, targets, rows=701)
    assert streaming_operating_point(chunks, tpr, memory=memory) == operating_point(
        scores, targets, tpr
    )
    assert chunks.passes <= 5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 1)),
        max_size=40,
    ),
    st.floats(0.01, 1.0),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_any_finite_scores_in_any_chunks_give_the_same_point(rows, tpr, memory, size):
    scores = np.array([0.0, 0.0, *(score for score, _ in rows)])
    targets = np.array([0, 1, *(target for _, target in rows)])
    chunks = ArrayChunks(scores, targets, size)
    found = streaming_operating_point(chunks, tpr, memory=memory)
    assert found == operating_point(scores, targets, tpr)


def test_one_pass_is_enough_where_everything_fits():
    chunks = Counted(*made("spread"), rows=500)
    streaming_fpr_at_tpr(chunks, 0.95)
    assert chunks.passes == 1


def test_two_passes_are_enough_where_the_critical_scores_fit():
    scores, targets = made("spread", positives=0.01)
    chunks = Counted(scores, targets, rows=500)
    value = streaming_fpr_at_tpr(chunks, 0.95, memory=100)
    assert value == fpr_at_tpr(scores, targets, 0.95)
    assert chunks.passes == 2


def test_two_passes_are_enough_where_no_more_than_the_memory_lies_near_the_threshold():
    scores, targets = made("spread", n=20_000)
    chunks = Counted(scores, targets, rows=3000)
    value = streaming_fpr_at_tpr(chunks, 0.95, memory=500)
    assert value == fpr_at_tpr(scores, targets, 0.95)
    assert chunks.passes == 2


def test_memory_stays_bounded_whatever_the_number_of_rows():
    def chunks(number):
        def read():
            for k in range(number):
                rng = np.random.default_rng(k)
                targets = rng.random(20_000) < 0.5
                yield rng.standard_normal(20_000) + targets, targets

        return read

    peaks = []
    for number in (5, 50):
        tracemalloc.start()
        streaming_fpr_at_tpr(chunks(number), 0.95, memory=5000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]
    assert peaks[1] < 50 * 2**20  # the 100,000 and 1,000,000 scores do not lie side by side


def test_arrays_on_disk_are_read_in_chunks(tmp_path):
    scores, targets = made("spread", positives=0.05)
    np.save(tmp_path / "scores.npy", scores.astype(np.float32))
    np.save(tmp_path / "targets.npy", targets.astype(np.int8))
    stored = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("scores", "targets")]
    found = streaming_fpr_at_tpr(ArrayChunks(*stored, rows=256), 0.9, memory=200)
    assert found == fpr_at_tpr(scores.astype(np.float32), targets, 0.9)


def test_rates_at_a_threshold_take_one_pass_and_an_iterator():
    scores, targets = made("ties")
    for threshold in (-np.inf, 0.5, 0.7000001, np.inf):
        chunks = iter(ArrayChunks(scores, targets, rows=400))
        assert streaming_rates_at(chunks, threshold) == rates_at(scores, targets, threshold)


def test_chunks_may_be_empty_or_of_one_class():
    chunks = [([], []), ([0.9, 0.8], [1, 1]), ([0.5, 0.2], [0, 0]), ([0.3], [1])]
    assert streaming_fpr_at_tpr(chunks, 1.0, memory=1) == 0.5


def test_keys_have_the_order_of_the_numbers_and_lead_back_to_them():
    numbers = np.array([-1.8e308 / 2, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1.5, 1.7e308])
    keys = _keys(numbers)
    assert (np.diff(keys.astype(object)) > 0).all()
    assert_array_equal([_number(int(key)) for key in keys], numbers)
    assert _keys(np.array([-0.0]))[0] == _keys(np.array([0.0]))[0]


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        (([np.nan, 1.0], [0, 1]), "Chunk 1: scores must be finite"),
        (([1.0, 2.0], [0, 2]), "Chunk 1: targets must be 1"),
        (([1.0, 2.0], [0]), r"Chunk 1: targets must have shape \(2,\)"),
        (([[1.0, 2.0]], [[0, 1]]), r"Chunk 1: scores must have shape \(n,\)"),
        ([1.0, 2.0, 3.0], "Chunk 1 must be a pair"),
    ],
)
def test_a_chunk_that_cannot_be_used_is_named(chunk, words):
    with pytest.raises(MetricError, match=words):
        streaming_fpr_at_tpr([([0.5, 0.1], [1, 0]), chunk], 0.95)


@pytest.mark.parametrize(("target", "words"), [(0, "critical"), (1, "non-critical")])
def test_a_class_that_is_in_no_chunk_is_missed(target, words):
    chunks = [([0.1, 0.2], [target, target]), ([0.3], [target])]
    with pytest.raises(MetricError, match=rf"none of the 3 targets is {words}"):
        streaming_fpr_at_tpr(chunks, 0.95)
    with pytest.raises(MetricError, match=rf"none of the 3 targets is {words}"):
        streaming_rates_at(chunks, 0.0)


def test_no_chunks_at_all_are_told_as_no_samples():
    with pytest.raises(MetricError, match="none of the 0 targets"):
        streaming_fpr_at_tpr([], 0.95)


def test_an_iterator_that_one_pass_uses_up_is_refused():
    with pytest.raises(MetricError, match="used up by the first pass"):
        streaming_fpr_at_tpr(iter([([0.1, 0.9], [0, 1])]), 0.95)


@pytest.mark.parametrize("positives", [0.01, 0.5])
def test_chunks_that_change_between_passes_are_refused(positives):
    scores, targets = made("spread", positives=positives)
    passes = []

    def shrinking():
        passes.append(None)
        yield scores[len(passes) :], targets[len(passes) :]

    with pytest.raises(MetricError, match="must be the same whenever they are read"):
        streaming_fpr_at_tpr(shrinking, 0.95, memory=50)


@pytest.mark.parametrize(
    ("given", "words"), [({"tpr": 95}, "give 0.95"), ({"tpr": 0.95, "memory": 0}, "at least one")]
)
def test_options_out_of_range_are_refused(given, words):
    with pytest.raises(ConfigurationError, match=words):
        streaming_fpr_at_tpr([([0.1, 0.9], [0, 1])], **given)


def test_chunks_of_no_rows_and_arrays_of_other_lengths_are_refused():
    with pytest.raises(ConfigurationError, match="at least one row"):
        ArrayChunks(np.zeros(2), np.zeros(2), rows=0)
    with pytest.raises(MetricError, match="same shape"):
        ArrayChunks(np.zeros(2), np.zeros(3))


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(MetricError, match="NaN"):
        streaming_rates_at([([0.1, 0.9], [0, 1])], float("nan"))
