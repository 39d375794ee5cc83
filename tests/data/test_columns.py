from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pytest

from rarecall.data.columns import as_numbers, as_text, described_kind, prepare_columns
from rarecall.data.dates import date_part, parse_dates
from rarecall.errors import DataError

N = 60


def _with(column) -> pd.DataFrame:
    return pd.DataFrame({"other": np.linspace(0, 1, N), "it": column})


def test_constant_and_empty_columns_are_left_out_with_a_note():
    frame = _with([7] * N).assign(word="same", void=np.nan, nothing=None)
    prepared = prepare_columns(frame)
    assert list(prepared.table) == ["other"]
    (note,) = prepared.notes
    for name in ("it", "word", "void", "nothing"):
        assert repr(name) in note


def test_a_column_that_is_missing_or_one_value_is_kept():
    prepared = prepare_columns(_with(["seen"] * 30 + [None] * 30))
    assert "it" in prepared.table


@pytest.mark.parametrize(
    "values",
    [
        [f"user-{k}" for k in range(N)],
        list(range(N)),
        [k * 1000 for k in range(N)],
        [None, *range(1, N)],
    ],
)
def test_columns_that_name_their_row_are_left_out_as_possible_leaks(values):
    prepared = prepare_columns(_with(values))
    assert list(prepared.table) == ["other"]
    assert "leak" in prepared.notes[0]
    assert "'it'" in prepared.notes[0]


def test_a_shuffled_identifier_is_known_by_its_name_or_its_density():
    rng = np.random.default_rng(0)
    wide = rng.choice(10**6, size=N, replace=False)
    assert "it" in prepare_columns(_with(wide)).table
    assert "it" not in prepare_columns(_with(rng.permutation(N) + 5000)).table
    named = _with(wide).rename(columns={"it": "customer_id"})
    assert "customer_id" not in prepare_columns(named).table


def test_measurements_that_happen_to_differ_are_kept():
    rng = np.random.default_rng(0)
    assert "it" in prepare_columns(_with(rng.normal(size=N))).table
    assert "it" in prepare_columns(_with(np.arange(N) / 7)).table


def test_free_text_is_refused_by_name():
    rng = np.random.default_rng(0)
    words = ["the", "motor", "was", "hot", "and", "then", "it", "stopped", "after", "rain"]
    text = [" ".join(rng.choice(words, size=8)) for _ in range(N)]
    frame = _with(text).assign(remark=[t.upper() for t in text], colour=["a", "b"] * 30)
    with pytest.raises(DataError, match=r"2 columns.*'it', 'remark'.*--drop it,remark"):
        prepare_columns(frame)


def test_nested_values_are_refused_by_name():
    with pytest.raises(DataError, match="'it'"):
        prepare_columns(_with([[k, k] for k in range(N)]))


def test_a_table_of_which_nothing_is_left_is_refused():
    with pytest.raises(DataError, match="No column is left"):
        prepare_columns(pd.DataFrame({"a": [1, 1], "b": ["x", "x"]}))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False] * 30, "boolean"),
        ([True, None] * 30, "boolean"),
        (["yes", "NO"] * 30, "boolean"),
        ([0, 1] * 30, "boolean"),
        ([0.0, np.nan, 1.0] * 20, "boolean"),
        ([1, 2] * 30, "numeric"),
        ([decimal.Decimal("1.5"), decimal.Decimal("2.5")] * 30, "numeric"),
        (pd.array([1, None, 3] * 20, dtype="Int64"), "numeric"),
        (pd.to_timedelta([1, 5] * 30, unit="h"), "numeric"),
        (["a", "b", None] * 20, "categorical"),
        (pd.Categorical([1, 2] * 30), "categorical"),
        ([1, "x"] * 30, "categorical"),
        (["2024-01-31", "2023-05-01"] * 30, "date"),
        (["31.12.2024", "01.02.2024"] * 30, "date"),
        (["2024-01-31T10:00:00Z", None] * 30, "date"),
        (pd.to_datetime(["2024-01-31", "2023-05-01"] * 30).tz_localize("CET"), "date"),
        (["10.0.0.1", "10.0.0.2"] * 30, "categorical"),
        (["2024-13-41", "2024-01-01"] * 30, "categorical"),
    ],
)
def test_the_kind_of_a_column_is_found(values, kind):
    assert described_kind(prepare_columns(_with(values)).table["it"]) == kind


def test_dates_are_read_day_first_when_they_cannot_be_read_otherwise():
    dates, ambiguous = parse_dates(pd.Series(["01/02/2024", "31/12/2024"]))
    assert dates.dt.month.tolist() == [2, 12]
    assert not ambiguous
    dates, ambiguous = parse_dates(pd.Series(["01/02/2024", "03/04/2024"]))
    assert dates.dt.month.tolist() == [1, 3]
    assert ambiguous


def test_ambiguous_dates_are_noted():
    prepared = prepare_columns(_with(["01/02/2024", "03/04/2024"] * 30))
    assert any("month/day" in note for note in prepared.notes)


def test_a_date_comes_apart_into_numbers():
    dates = pd.Series(pd.to_datetime(["2024-01-06 18:30", None]))
    assert date_part(dates, "month").tolist()[0] == 1
    assert date_part(dates, "weekday").tolist()[0] == 5
    assert date_part(dates, "hour").tolist()[0] == 18.5
    assert date_part(dates, "days")[0] == pytest.approx(19728 + 18.5 / 24)
    for part in ("days", "month", "weekday", "hour"):
        assert np.isnan(date_part(dates, part)[1])


def test_infinite_values_are_noted_and_kept():
    values = np.arange(N) / 7
    values[3] = np.inf
    prepared = prepare_columns(_with(values))
    assert any("infinite in 1 row" in note for note in prepared.notes)
    assert np.isinf(prepared.table["it"][3])


def test_a_numeric_column_spoilt_by_a_mark_is_noted():
    values = [str(k % 30) for k in range(N - 1)] + ["?"]
    notes = prepare_columns(_with(values)).notes
    assert any("'?'" in note for note in notes)


def test_text_that_holds_numbers_is_read_as_numbers():
    found = as_numbers(pd.Series(["1", "2.50", "x", "TRUE", "no", None]))
    np.testing.assert_array_equal(found, [1, 2.5, np.nan, 1, 0, np.nan])


def test_whole_numbers_and_their_text_are_one_category():
    assert as_text(pd.Series([1.0, 2.0, None])).tolist() == ["1", "2", None]
    assert as_text(pd.Series([1, 2])).tolist() == ["1", "2"]
