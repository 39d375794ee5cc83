"""Several classes and several labels: how they are read, named, split and encoded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rarecall.data import Samples, Split, SplitShares, encode, fit_preprocessor, load, make_split
from rarecall.data.strata import rarest_label
from rarecall.errors import ConfigurationError, DataError
from rarecall.roles import Role
from rarecall.task import BINARY, Task


def classes_table(n=600, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.choice(["10", "9", "2", "mild"], size=n, p=[0.5, 0.3, 0.12, 0.08])
    shift = pd.Series(label).map({"10": 0.0, "9": 0.5, "2": 1.0, "mild": 2.0}).to_numpy()
    return pd.DataFrame({"a": rng.normal(size=n) + shift, "b": rng.normal(size=n), "y": label})


def labels_table(n=800, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    for name, share in (("common", 0.5), ("rare", 0.06), ("nested", 0.04)):
        table[name] = (rng.random(n) < share).astype(float)
    # Every sample of the rarest label has the two others too.
    table.loc[table["nested"] == 1, ["common", "rare"]] = 1.0
    for name in ("common", "rare", "nested"):
        table.loc[rng.random(n) < 0.1, name] = np.nan
    table.loc[table.index[:3], "common"] = 0.25
    return table


# Reading ------------------------------------------------------------------------------------------


def test_several_critical_labels_make_a_multi_class_task(write):
    samples = load(write(classes_table()), target="y", critical=["mild", 2.0])
    assert samples.classes == ("2", "9", "10", "mild")  # numbers as numbers, before words
    assert samples.task == Task("multiclass", 4, (0, 3))
    assert samples.critical_names == {0: "2", 3: "mild"}
    assert samples.critical == "2, mild"
    names = np.asarray(samples.classes)[samples.targets]
    np.testing.assert_array_equal(names, samples.labels)
    assert samples.positives == int(np.isin(names, ["2", "mild"]).sum())


def test_one_critical_label_is_multi_class_only_where_that_is_asked(write):
    path = write(classes_table())
    assert load(path, target="y", critical="mild").task == BINARY
    asked = load(path, target="y", critical="mild", task="multiclass")
    assert asked.task == Task("multiclass", 4, (3,))


def test_several_target_columns_make_a_multi_label_task(write):
    frame = labels_table()
    samples = load(write(frame), target=["common", "rare", "nested"])
    assert samples.task == Task.multilabel(3)
    assert samples.classes == ("common", "rare", "nested")
    np.testing.assert_array_equal(samples.targets, frame[list(samples.classes)].to_numpy())
    assert list(samples.features) == ["a", "b"]
    assert samples.class_counts["rare"] == int((frame["rare"] == 1).sum())
    told = " ".join(samples.notes)
    assert "% of all labels are missing" in told
    assert "3 labels are uncertain" in told


def test_words_of_truth_are_labels(write):
    text = "a,p,q\n" + "".join(
        f"{k * 0.37},{'yes' if k % 3 else 'no'},{k % 2}\n" for k in range(30)
    )
    samples = load(write(text), target=("p", "q"))
    assert samples.targets[:4].tolist() == [[0, 0], [1, 1], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"target": "y", "critical": ["mild", "mid"]}, DataError, "Did you mean 'mild'"),
        ({"target": "y", "critical": ["2", "2.0"]}, DataError, "repeat one another"),
        ({"target": "y", "task": "multiclass"}, DataError, "one or more"),
        ({"target": "y", "critical": ["2", "9", "10", "mild"]}, DataError, "Name fewer"),
        ({"target": ["a", "y"]}, DataError, "'y' holds '10', '2', '9'"),
        ({"target": ["a", "nothing"]}, DataError, "'nothing' is not in"),
        ({"target": ["a", "b"], "critical": "1"}, ConfigurationError, "none to name"),
        ({"target": "y", "task": "multilabel"}, ConfigurationError, "two or more columns"),
        ({"target": ["a", "b"], "task": "multiclass"}, ConfigurationError, "one column of labels"),
        ({"target": "y", "critical": ["2", "9"], "task": "binary"}, ConfigurationError, "Several"),
        ({"target": ["a", "a"]}, ConfigurationError, "named twice"),
        ({"target": "y", "task": "ranking"}, ConfigurationError, "task must be"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(write, options, error, words):
    with pytest.raises(error, match=words):
        load(write(classes_table()), **options)


def test_all_misspelt_critical_labels_are_reported_at_once(write):
    with pytest.raises(DataError) as caught:
        load(write(classes_table()), target="y", critical=["milt", "three"])
    assert "'milt'" in str(caught.value)
    assert "'three'" in str(caught.value)


def test_a_column_that_tells_one_class_is_named_with_the_class(write):
    frame = classes_table()
    frame["hint"] = (frame["y"] == "mild") + 0.1 * frame["b"]
    samples = load(write(frame), target="y", critical=["2", "mild"])
    (note,) = [note for note in samples.notes if "almost alone" in note]
    assert "'mild'" in note
    assert "'hint'" in note


def test_equal_rows_of_different_classes_or_labels_are_counted(write):
    frame = classes_table(100)
    frame.loc[1, ["a", "b"]] = frame.loc[0, ["a", "b"]]
    frame.loc[0, "y"], frame.loc[1, "y"] = "10", "9"
    samples = load(write(frame), target="y", critical=["2", "mild"])
    assert any("2 rows have equals with another label" in note for note in samples.notes)


def test_the_fingerprint_knows_labels_missing_values_and_names(write):
    frame = labels_table(100)
    names = ["common", "rare", "nested"]
    first = load(write(frame), target=names).fingerprint
    assert load(write(frame, "copy.csv"), target=names).fingerprint == first
    other = frame.copy()
    other.loc[5, "rare"] = np.nan if frame.loc[5, "rare"] == frame.loc[5, "rare"] else 1.0
    assert load(write(other), target=names).fingerprint != first
    renamed = frame.rename(columns={"rare": "seldom"})
    assert load(write(renamed), target=["common", "seldom", "nested"]).fingerprint != first


# Images -------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for k in range(60):
        name = ("oak", "elm", "ash")[k % 3]
        path = tmp_path / "trees" / name / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(path)
        rows.append((path.relative_to(tmp_path / "trees").as_posix(), k % 2, k % 3 == 0))
    manifest = pd.DataFrame(rows, columns=["path", "sick", "old"]).astype({"old": int})
    manifest.to_csv(tmp_path / "trees" / "list.csv", index=False)
    return tmp_path / "trees"


def test_an_image_folder_holds_classes(pictures):
    samples = load(pictures, critical=["ash", "elm"])
    assert samples.classes == ("ash", "elm", "oak")
    assert samples.task.critical == (0, 1)
    assert samples.class_counts == {"ash": 20, "elm": 20, "oak": 20}


def test_a_table_of_images_holds_labels(pictures):
    samples = load(pictures / "list.csv", target=["sick", "old"])
    assert samples.kind == "images"
    assert samples.targets.shape == (60, 2)
    with pytest.raises(DataError, match="has no columns"):
        load(pictures, target=["sick", "old"])


def test_the_bundled_digits_are_ten_classes_where_that_is_asked():
    samples = load("digits", task="multiclass")
    assert (samples.task.classes, samples.critical) == (10, "8")
    assert load("digits", critical=[8, 9]).task == Task("multiclass", 10, (8, 9))


# Splitting ----------------------------------------------------------------------------------------


def counts(samples, split, number):
    masks = samples.masks(number)
    return {role: int(masks.positive[rows].sum()) for role, rows in split.positions.items()}


def test_every_class_keeps_its_share_in_every_part(write):
    samples = load(write(classes_table()), target="y", critical=["2", "mild"])
    split = make_split(samples, shares=SplitShares())
    for name, total in samples.class_counts.items():
        held = {
            role: int((samples.labels[rows] == name).sum())
            for role, rows in split.positions.items()
        }
        assert held[Role.TRAIN] == pytest.approx(0.4 * total, abs=1)
        assert held[Role.TEST] == pytest.approx(0.2 * total, abs=1)
    assert "stratified by the class" in split.how


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_every_label_stands_in_every_part_even_where_it_never_stands_alone(seed):
    frame = labels_table(n=500, seed=seed)
    names = ["common", "rare", "nested"]
    targets = frame[names].to_numpy()
    if ((targets == 1).sum(axis=0) < 8).any():
        return
    samples = Samples(
        "made", "table", frame[["a", "b"]], targets, np.arange(len(frame)).astype(str),
        critical="all", target_name="all", class_counts={}, task=Task.multilabel(3),
        classes=tuple(names),
    )  # fmt: skip
    split = make_split(samples, seed=seed)
    for number in range(3):
        assert min(counts(samples, split, number).values()) >= 2
    rows = np.concatenate(list(split.positions.values()))
    assert sorted(rows.tolist()) == list(range(len(samples)))


def test_a_label_whose_rows_all_have_rarer_ones_is_moved_to_the_parts_that_lack_it():
    # Eight samples of "wide", each with a rarer label of its own stratum of two or three samples.
    n = 400
    targets = np.zeros((n, 5))
    targets[:8, 0] = 1
    for k in range(4):
        targets[2 * k : 2 * k + 2, 1 + k] = 1
        targets[100 + 10 * k : 100 + 10 * k + 6, 1 + k] = 1
    samples = Samples(
        "made", "table", pd.DataFrame({"a": np.arange(n) % 7}), targets, np.arange(n).astype(str),
        critical="all", target_name="all", class_counts={}, task=Task.multilabel(5),
        classes=tuple("wxyzv"),
    )  # fmt: skip
    for seed in range(10):
        split = make_split(samples, seed=seed)
        assert all(min(counts(samples, split, k).values()) >= 2 for k in range(5))


def test_the_rarest_label_of_a_sample_is_its_stratum():
    targets = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, np.nan, 0], [1, 0, 1.0]])
    strata, order = rarest_label(targets)
    assert strata.tolist() == [1, 0, 2, -1, 2]
    assert order == [1, 2, 0, -1]


def test_groups_stay_whole_and_every_class_is_spread(write):
    rng = np.random.default_rng(1)
    frame = classes_table(900)
    frame["patient"] = [f"p{k}" for k in rng.integers(0, 250, size=len(frame))]
    samples = load(write(frame), target="y", critical=["2", "mild"], group="patient")
    split = make_split(samples, tpr=0.8)
    seen = [set(samples.groups[rows]) for rows in split.positions.values()]
    assert sum(len(groups) for groups in seen) == len(set(samples.groups))
    for number in samples.task.critical:
        held = counts(samples, split, number)
        total = sum(held.values())
        assert held[Role.TEST] == pytest.approx(0.2 * total, abs=0.06 * total)


def test_groups_of_labels_are_spread_too(write):
    frame = labels_table(900)
    frame["patient"] = [f"p{k // 3}" for k in range(len(frame))]
    samples = load(write(frame), target=["common", "rare", "nested"], group="patient")
    split = make_split(samples)
    assert "whole groups" in split.how
    assert all(min(counts(samples, split, k).values()) >= 2 for k in range(3))


def test_time_cuts_the_samples_and_a_class_that_came_later_is_refused(write):
    frame = classes_table(600)
    frame["when"] = np.arange(len(frame)) + 0.5
    samples = load(write(frame), target="y", critical=["2", "mild"], time="when")
    split = make_split(samples, tpr=0.8)
    assert split.how.startswith("By time")
    frame.loc[:400, "y"] = frame.loc[:400, "y"].replace({"9": "10"})
    later = load(write(frame), target="y", critical=["2", "mild"], time="when")
    with pytest.raises(DataError, match="Every class must occur in the training part, but '9'"):
        make_split(later, tpr=0.8)


def test_scarce_classes_are_all_named_with_their_counts(write):
    frame = classes_table(400)
    keep = (~frame["y"].isin(["2", "mild"])) | frame.groupby("y").cumcount().lt(5)
    samples = load(write(frame[keep]), target="y", critical=["2", "mild"])
    with pytest.raises(DataError, match=r"5 of '2'; there are 5 of 'mild'"):
        make_split(samples)
    labels = labels_table(300)
    labels["rare"] = (np.arange(300) < 3).astype(float)
    scarce = load(write(labels), target=["common", "rare"])
    with pytest.raises(DataError, match="3 of 'rare'"):
        make_split(scarce)


def test_calibration_grows_for_every_class_that_can_have_a_guarantee(write):
    frame = classes_table(1200, seed=4)
    samples = load(write(frame), target="y", critical=["2", "mild"])
    split = make_split(samples, tpr=0.9)
    needed = 29
    for number, name in samples.critical_names.items():
        if samples.class_counts[name] * 0.3 >= needed:
            assert counts(samples, split, number)[Role.CALIBRATION] >= needed
    assert "of every critical class that allows it" in split.how


def test_training_positives_are_kept_of_each_critical_class(write):
    samples = load(write(classes_table()), target="y", critical=["2", "mild"])
    whole, thin = make_split(samples, tpr=0.8), make_split(samples, tpr=0.8, train_positives=5)
    for number in samples.task.critical:
        assert counts(samples, thin, number)[Role.TRAIN] == 5
    np.testing.assert_array_equal(whole.positions[Role.TEST], thin.positions[Role.TEST])
    several = load(write(labels_table()), target=["common", "rare"])
    with pytest.raises(ConfigurationError, match="multi-label"):
        make_split(several, train_positives=5)


def test_a_stored_split_comes_back(write, tmp_path):
    samples = load(write(labels_table()), target=["common", "rare"])
    split = make_split(samples)
    split.save(tmp_path / "split.csv", samples)
    again = Split.load(tmp_path / "split.csv", samples)
    for role in Role:
        np.testing.assert_array_equal(again.positions[role], split.positions[role])
    parts = split.summary(samples)["parts"]
    assert set(parts["test"]["classes"]) == {"common", "rare"}


# Encoding -----------------------------------------------------------------------------------------


def test_class_numbers_stay_whole_and_labels_become_floats_with_gaps(write):
    classes = load(write(classes_table()), target="y", critical=["2", "mild"])
    data = encode(fit_preprocessor(classes), classes)
    assert data.targets.dtype == torch.int64
    assert data.targets.unique().tolist() == [0, 1, 2, 3]
    labels = load(write(labels_table()), target=["common", "rare"])
    data = encode(fit_preprocessor(labels), labels)
    assert data.targets.dtype == torch.float32
    assert bool(torch.isnan(data.targets).any())
    batch = data.gather(torch.tensor([4, 0]))
    assert batch.targets.shape == (2, 2)
    assert data[1].targets.shape == (2,)


def test_taking_samples_counts_anew(write):
    labels = load(write(labels_table()), target=["common", "rare"])
    part = labels.take(np.arange(50))
    assert part.class_counts["common"] == int((labels.targets[:50, 0] == 1).sum())
    classes = load(write(classes_table()), target="y", critical=["2", "mild"])
    few = classes.take(np.flatnonzero(classes.targets == 3)[:4])
    assert few.class_counts == {"mild": 4}
    assert few.critical_counts == {"2": 0, "mild": 4}
    assert few.summary()["task"]["critical"] == [0, 3]


def test_samples_with_other_names_than_classes_are_refused():
    with pytest.raises(ValueError, match="are named"):
        Samples(
            "x", "table", pd.DataFrame({"a": [1]}), np.array([0]), np.array(["i"]), critical="b",
            target_name="y", class_counts={}, task=Task("multiclass", 3, (1,)), classes=("a", "b"),
        )  # fmt: skip
