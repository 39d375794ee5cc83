"""Scores of any model read from a table: what is understood, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rarecall.data.score_parts import part_by_role, refuse_shared_samples, shared_groups
from rarecall.data.score_tables import read_score_table
from rarecall.data.subgroups import MISSING, OTHERS, subgroup_table
from rarecall.errors import ConfigurationError, DataError
from rarecall.roles import Role


def frame(n=40, seed=0):
    rng = np.random.default_rng(seed)
    ill = np.arange(n) % 4 == 0
    return pd.DataFrame(
        {
            "patient": [f"p{k}" for k in range(n)],
            "risk": rng.normal(1.5 * ill),
            "old": rng.normal(1.0 * ill),
            "ill": ill.astype(int),
            "sex": rng.choice(["f", "m"], n),
            "age": rng.integers(20, 90, n),
            "w": rng.uniform(0.5, 2, n),
        }
    )


def read(table, **options):
    return read_score_table(table, **{"scores": ["risk"], "target": "ill", **options})


def test_the_same_table_is_read_from_csv_tsv_parquet_and_memory(tmp_path):
    table = frame()
    table.to_csv(tmp_path / "s.csv", index=False)
    table.to_csv(tmp_path / "s.csv.gz", index=False)
    table.to_csv(tmp_path / "s.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "s.parquet")
    sources = [table, *(tmp_path / f"s.{end}" for end in ("csv", "csv.gz", "tsv", "parquet"))]
    found = [read(source, id="patient", weight="w", subgroups=["sex"]) for source in sources]
    assert len({one.fingerprint for one in found}) == 1
    for one in found:
        np.testing.assert_allclose(one.scores["risk"], table["risk"], rtol=1e-15)
        assert one.targets.tolist() == table["ill"].tolist()
        assert one.ids.tolist() == table["patient"].tolist()
        assert list(one.rows) == ["old", "sex", "age"]
        assert one.subgroups["sex"].tolist() == table["sex"].tolist()
        assert (one.critical, one.positives, len(one)) == ("1", 10, 40)


def test_words_as_labels_need_the_critical_one_named():
    table = frame()
    table["ill"] = np.where(table["ill"] == 1, "ill", "well")
    with pytest.raises(DataError, match=r"which label must not be missed.*'well' \(30\)"):
        read(table)
    assert read(table, critical="ill").positives == 10
    with pytest.raises(DataError, match="Did you mean 'ill'"):
        read(table, critical="il")


@pytest.mark.parametrize("labels", [(0, 1), (False, True), ("no", "yes"), (0.0, 1.0), ("0", "1")])
def test_labels_that_mean_false_and_true_need_no_critical_one(labels):
    table = frame()
    table["ill"] = [labels[k] for k in table["ill"]]
    assert read(table).positives == 10


def test_more_than_two_labels_need_the_critical_one_and_the_rest_is_harmless():
    table = frame()
    table["ill"] = np.where(table["ill"] == 1, 2, np.arange(40) % 2)
    with pytest.raises(DataError, match="critical"):
        read(table)
    assert read(table, critical="2").positives == 10


def cell(value, column="risk", row=2):
    table = frame().astype({column: object})
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (cell("0,93"), r"text in 1 row of 40: '0,93' at row 3.*decimal comma: write 0\.93"),
        (cell("93%"), "without the sign"),
        (cell("high"), "raw output"),
        (cell(np.nan), r"1 row of 40 is empty, NaN or infinite, the first at row 3"),
        (cell("nan"), "NaN"),
        (cell(np.inf), "infinite"),
        (cell("-inf"), "infinite"),
        (frame().assign(risk=0.5), r"All 40 scores in 'risk' are 0\.5"),
        (frame().assign(risk=frame()["ill"]), "label in the place of a score"),
        (frame().assign(risk=1 - frame()["ill"]), "label in the place of a score"),
        (frame().assign(ill=1), r"no other one"),
        (frame().assign(ill=0), r"no critical one"),
        (cell(np.nan, "ill"), "missing or infinite"),
        (frame().iloc[:0], "no rows"),
        (pd.concat([frame(), frame()["risk"]], axis=1), "more than once"),
    ],
)
def test_scores_and_labels_that_cannot_be_used_are_refused(table, told):
    with pytest.raises(DataError, match=told):
        read(table)


def test_the_label_named_as_score_is_refused():
    with pytest.raises(ConfigurationError, match="named as the score and as the target"):
        read(frame(), scores=["ill"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scores": ["rsk"]}, "score column 'rsk' is not in the table. Did you mean 'risk'"),
        ({"target": "il"}, "Did you mean 'ill'"),
        ({"group": "clinic"}, "group column 'clinic' is not in"),
        ({"subgroups": ["seks"]}, "subgroup column 'seks' is not in"),
        ({"scores": []}, "which columns hold scores"),
        ({"scores": ["risk", "risk"]}, "score twice"),
        ({"id": "risk"}, "one part only"),
    ],
)
def test_columns_that_are_not_there_or_named_twice_are_told(options, told):
    with pytest.raises((DataError, ConfigurationError), match=told):
        read(frame(), **options)


def test_repeated_ids_are_named():
    with pytest.raises(DataError, match=r"id stands for more than one sample.*'p0'"):
        read(frame().assign(patient=["p0", *(f"p{k}" for k in range(39))]), id="patient")


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (cell(-1.0, "w"), "has -1.0 at row 3"),
        (cell(np.nan, "w"), "row 3"),
        (cell(np.inf, "w"), "row 3"),
        (cell("heavy", "w"), "'heavy' at row 3"),
        (frame().assign(w=0), "add up to 0"),
        (frame().assign(w=1 - frame()["ill"]), "critical samples in 'w' add up to 0"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights, told):
    with pytest.raises(DataError, match=told):
        read(weights, weight="w")


def test_files_that_are_not_there_or_of_another_kind_are_told(tmp_path):
    frame().to_csv(tmp_path / "scores.csv")
    with pytest.raises(DataError, match=r"Did you mean 'scores\.csv'"):
        read(tmp_path / "score.csv")
    (tmp_path / "scores.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="Save a spreadsheet as CSV first"):
        read(tmp_path / "scores.xlsx")


def test_suspicious_scores_are_noted():
    table = frame()
    perfect = read(table.assign(risk=table["ill"] * 2 + np.arange(40) / 100))
    assert "AUC 1" in perfect.notes[0]
    assert "wrong way round" in read(table.assign(risk=-table["risk"])).notes[0]
    decisions = read(table.assign(risk=(table["risk"] > 1).astype(int)))
    assert "decisions" in decisions.notes[0]
    twice = read(table.assign(old=table["risk"]), scores=["risk", "old"])
    assert twice.notes == ("The scores in 'risk' and 'old' are equal in every row.",)
    assert read(table).notes == ()


def test_unlabelled_and_one_class_tables_are_read_where_nothing_is_judged():
    table = frame()
    assert read(table, target=None).targets is None
    ones = table[table["ill"] == 1]
    assert read(ones, judge=False).positives == 10
    assert read(ones.iloc[:1], judge=False).positives == 1
    assert read(table[table["ill"] == 0], judge=False, critical="1").positives == 0
    with pytest.raises(ConfigurationError, match="no column of labels"):
        read(table, target=None, critical="1")


def test_taking_rows_keeps_everything_in_step():
    table = read(frame(), id="patient", group="sex", weight="w", subgroups=["age"])
    part = table.take([5, 0])
    assert part.ids.tolist() == ["p5", "p0"]
    assert part.scores["risk"].tolist() == table.scores["risk"][[5, 0]].tolist()
    assert part.groups.tolist() == table.groups[[5, 0]].tolist()
    assert part.weights.tolist() == table.weights[[5, 0]].tolist()
    assert part.subgroups["age"].tolist() == [table.subgroups["age"][5], table.subgroups["age"][0]]
    assert part.class_counts == {"0": 1, "1": 1}
    assert part.rows.index.tolist() == [0, 1]


def test_a_table_is_parted_by_what_its_rows_are_for():
    table = frame().assign(part=["test"] * 20 + ["cal"] * 12 + ["train"] * 8)
    parts, notes = part_by_role(read(table, split="part"))
    assert {role: len(part) for role, part in parts.items()} == {
        Role.TEST: 20,
        Role.CALIBRATION: 12,
    }
    assert notes == ["Left out 8 rows of the train and validation parts: the model has seen them."]
    with pytest.raises(DataError, match=r"No row .* is of the test part"):
        part_by_role(read(table.assign(part="cal"), split="part"))
    roles = np.where((table["ill"] == 0) & (np.arange(40) < 9), "cal", "test")
    with pytest.raises(DataError, match=r"calibration part .* no critical sample"):
        part_by_role(read(table.assign(part=roles), split="part"))
    with pytest.raises(DataError, match="may hold"):
        read(table.assign(part="holdout"), split="part")


def test_shared_samples_are_found_by_id_or_by_content():
    table = frame(n=60)
    first, second = table.iloc[:40], table.iloc[34:]
    with pytest.raises(
        DataError, match=r"6 samples of a have an id .* b too \('p34', 'p35', 'p36'"
    ):
        refuse_shared_samples(
            read(first, id="patient", name="a"), read(second, id="patient", name="b"), use="x"
        )
    with pytest.raises(DataError, match="6 rows of a have an equal row in b"):
        refuse_shared_samples(read(first, name="a"), read(second, name="b"), use="x")
    apart = read(table.iloc[40:], name="c")
    refuse_shared_samples(read(first, name="a"), apart, use="x")


def test_content_is_compared_by_column_name_whatever_part_a_column_plays():
    table = frame()
    one = read(table, scores=["risk", "old"], group="sex")
    two = read(table[table.columns[::-1]], scores=["risk"])
    # The group of the one is no content there, so only what both hold can be equal.
    assert len(read(table, scores=["risk", "old"]).content_keys) == 40
    assert set(read(table, scores=["risk", "old"]).content_keys) == set(two.content_keys)
    assert not set(one.content_keys) & set(two.content_keys)


def test_coarse_scores_that_are_equal_by_chance_are_no_shared_samples():
    def coarse(seed):
        rng = np.random.default_rng(seed)
        ill = rng.random(300) < 0.3
        return pd.DataFrame({"risk": np.round(rng.normal(ill), 0), "ill": ill.astype(int)})

    refuse_shared_samples(read(coarse(0)), read(coarse(1)), use="x")


def test_ids_of_unnamed_rows_differ_between_tables_and_named_ones_stay():
    one, two = read(frame(seed=0)), read(frame(seed=1))
    assert not set(one.unique_ids) & set(two.unique_ids)
    assert len(set(one.unique_ids)) == 40
    assert read(frame(), id="patient").unique_ids[0] == "p0"


def test_groups_in_both_parts_are_counted():
    table = frame()
    one = read(table.iloc[:20], group="age")
    two = read(table.iloc[20:], group="age")
    both = set(table["age"][:20]) & set(table["age"][20:])
    assert shared_groups(one, two) == len(both)
    assert shared_groups(one, read(table)) == 0


def test_subgroups_are_few_words():
    rng = np.random.default_rng(0)
    n = 400
    table = pd.DataFrame(
        {
            "site": rng.choice([f"s{k}" for k in range(30)], n),
            "age": rng.integers(18, 90, n).astype(float),
            "flag": rng.random(n) < 0.5,
            "dose": rng.integers(0, 5, n),
        }
    )
    table.loc[3, ["age", "site"]] = [np.nan, None]
    found = subgroup_table(table, ["site", "age", "flag", "dose"], "demo")
    assert len(set(found["site"])) == 12
    assert OTHERS in set(found["site"])
    quarters = found["age"].value_counts()
    assert found["age"][3] == MISSING
    assert len(quarters) == 5
    assert quarters.drop(MISSING).between(80, 120).all()
    assert set(found["flag"]) == {"True", "False"}
    assert set(found["dose"]) == {"0", "1", "2", "3", "4"}


def test_quarters_hold_the_values_that_their_names_say():
    values = np.arange(100.0)
    found = subgroup_table(pd.DataFrame({"x": values}), ["x"], "demo")["x"]
    assert found[24] == "to 24"
    assert found[25] == "above 24, to 49"
    assert found[99] == "above 74"
