"""Cells are read one by one, and as a loader would read a clean column."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from rarecall.data.columns import as_numbers
from rarecall.delivery.cells import MISSING_WORDS, dates, numbers, texts


def series(*words):
    return pd.Series(list(words), dtype=object)


def test_the_words_for_missing_values_are_those_of_the_training_reader():
    words = sorted(MISSING_WORDS - {""})
    read = pd.read_csv(io.StringIO("word\n" + "\n".join(words) + "\nx\n"))
    assert read["word"].isna().tolist() == [True] * len(words) + [False]


def test_numbers_agree_with_the_training_reader_to_the_bit():
    random = np.random.default_rng(0)
    words = [repr(float(v)) for v in random.normal(size=500) * 10.0 ** random.integers(-9, 9, 500)]
    words += ["inf", "-inf", "1e400", "9007199254740993", ".5", "1E5"]
    column = pd.read_csv(io.StringIO("x\n" + "\n".join(words)))["x"]
    cells = numbers(series(*words))
    np.testing.assert_array_equal(cells.values.to_numpy(), as_numbers(column))
    assert not cells.bad.any()


def test_words_of_truth_are_numbers_and_other_words_are_bad():
    cells = numbers(series("True", "no", " YES ", "maybe", "NA", None, "1,5"))
    np.testing.assert_array_equal(cells.values, [1, 0, 1, np.nan, np.nan, np.nan, np.nan])
    assert cells.bad.tolist() == [False, False, False, True, False, False, True]
    assert cells.missing.tolist() == [False, False, False, False, True, True, False]


def test_a_comma_is_a_decimal_point_only_where_fields_are_parted_otherwise():
    cells = numbers(series("1,5", "2.5", "1,2,3"), comma=True)
    assert cells.values.tolist()[:2] == [1.5, 2.5]
    assert cells.bad.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, 2]), [1.0, 2.0]),
        (pd.Series([True, False]), [1.0, 0.0]),
        (pd.Series([1, None], dtype="Int64"), [1.0, np.nan]),
        (pd.Series(pd.to_timedelta(["1min", None])), [60.0, np.nan]),
    ],
    ids=["whole", "truth", "nullable", "durations"],
)
def test_typed_columns_keep_their_numbers(column, expected):
    cells = numbers(column)
    np.testing.assert_array_equal(cells.values, expected)
    assert cells.missing.tolist() == np.isnan(expected).tolist()


def test_dates_in_the_place_of_numbers_are_bad():
    cells = numbers(pd.Series(pd.to_datetime(["2024-01-31", None])))
    assert cells.bad.tolist() == [True, False]


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("2024-03-04", "2024-03-04"),
        ("2024/03/04", "2024-03-04"),
        ("3 Apr 2024", "2024-04-03"),
        ("25/12/2024", "2024-12-25"),
        ("12/25/2024", "2024-12-25"),
        ("05/05/2024", "2024-05-05"),
        ("2024-03-04T23:30:00-02:00", "2024-03-05"),
    ],
)
def test_a_date_is_read_where_it_can_be_read_in_one_way(word, day):
    cells = dates(series(word))
    assert str(cells.values.dt.date[0]) == day
    assert not cells.bad[0]


@pytest.mark.parametrize("word", ["03/04/2024", "2024-13-45", "20240101", "soon", "5"])
def test_a_date_that_may_be_another_is_bad(word):
    assert dates(series(word)).bad[0]


def test_a_date_means_the_same_whatever_stands_beside_it():
    words = ["25/12/2024", "03/04/2024", "2024-01-02", "", "04/25/2024", "x"]
    together = dates(series(*words))
    for place, word in enumerate(words):
        alone = dates(series(word))
        assert alone.bad[0] == together.bad[place]
        assert str(alone.values[0]) == str(together.values[place])


def test_a_category_written_as_another_number_is_known():
    known = pd.Index(["1", "2.5", "x"], dtype=object)
    cells = texts(series("1", "1.0", "01", "2.5", "y", "NA", None), known)
    assert cells.values.tolist() == ["1", "1", "1", "2.5", "y", None, None]
    assert cells.bad.tolist() == [False, False, False, False, True, False, False]


def test_in_a_typed_column_no_word_stands_for_a_missing_value():
    known = pd.Index(["NA"], dtype=object)
    cells = texts(series("NA", None), known, missing_words=frozenset())
    assert cells.values.tolist() == ["NA", None]
    assert cells.missing.tolist() == [False, True]


def test_an_empty_column_is_fine():
    empty = pd.Series([], dtype=object)
    assert [len(read(empty).values) for read in (numbers, dates)] == [0, 0]
    assert len(texts(empty, pd.Index(["a"], dtype=object)).values) == 0
