"""CheXpert: five labels, some uncertain, and the choices of what becomes of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rarecall.data.collections.medical import certain_labels, read_chexpert
from rarecall.data.collections.medical.chest import DISEASES, SOURCES
from rarecall.errors import ConfigurationError, DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("root") / "chexpert"
    SOURCES[0].tiny(place, seed=3)
    return place


GIVEN = np.array([[1.0, -1.0, np.nan, -1.0, 0.0], [-1.0, 0.0, -1.0, 1.0, -1.0]])


@pytest.mark.parametrize(
    ("uncertain", "expected"),
    [
        ("zeros", [[1, 0, 0, 0, 0], [0, 0, 0, 1, 0]]),
        ("ones", [[1, 1, 0, 1, 0], [1, 0, 1, 1, 1]]),
        ("mixed", [[1, 1, 0, 1, 0], [0, 0, 0, 1, 0]]),
        ("missing", [[1, np.nan, 0, np.nan, 0], [np.nan, 0, np.nan, 1, np.nan]]),
    ],
)
def test_uncertain_labels_become_what_was_chosen(uncertain: Any, expected: Any) -> None:
    np.testing.assert_array_equal(certain_labels(GIVEN, uncertain), np.asarray(expected, float))


@pytest.mark.parametrize(
    ("uncertain", "low", "high"), [("smooth-ones", 0.55, 0.85), ("smooth-zeros", 0.0, 0.3)]
)
def test_smoothed_labels_fill_their_range_and_follow_the_seed(
    uncertain: Any, low: float, high: float
) -> None:
    given = np.tile(GIVEN, (500, 1))
    found = certain_labels(given, uncertain)
    smoothed = found[given == -1]
    assert low <= smoothed.min() < low + 0.01
    assert high - 0.01 < smoothed.max() <= high
    np.testing.assert_array_equal(found[given != -1], np.nan_to_num(given[given != -1]))
    np.testing.assert_array_equal(found, certain_labels(given, uncertain))
    assert (found != certain_labels(given, uncertain, seed=1)).any()


def test_an_unknown_choice_is_told() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'zeros'"):
        certain_labels(GIVEN, "zeroes")  # type: ignore[arg-type]


def test_labels_are_those_of_the_table(folder: Path) -> None:
    found = read_chexpert(folder, uncertain="zeros")
    table = pd.read_csv(folder / "CheXpert-v1.0-small" / "train.csv")
    train = found.part("train")
    assert found.classes == DISEASES
    expected = table[list(DISEASES)].to_numpy() == 1
    np.testing.assert_array_equal(train.labels, expected.astype(float))
    assert train.counts == dict(zip(DISEASES, expected.sum(axis=0).tolist(), strict=True))
    assert [f"CheXpert-v1.0-small/{name}" for name in train.names[:2]] == table["Path"][:2].tolist()


def test_patients_keep_to_one_part_and_have_several_views(folder: Path) -> None:
    found = read_chexpert(folder)
    assert found.groups is not None
    assert found.parts is not None
    train = set(found.groups[found.parts == "train"])
    assert not train & set(found.groups[found.parts == "test"])
    assert len(train) == 80
    frontal = read_chexpert(folder, frontal=True)
    assert len(frontal) == len(found) // 2
    kept = np.isin(found.names, frontal.names)
    np.testing.assert_array_equal(frontal.labels, found.labels[kept])
    assert all(name.endswith("_frontal.jpg") for name in frontal.names)
    assert frontal.metadata is not None
    assert set(frontal.metadata["view"]) == {"Frontal"}


def test_radiologists_are_never_uncertain(folder: Path) -> None:
    valid = read_chexpert(folder, uncertain="missing").part("test")
    assert set(np.unique(valid.labels)) == {0.0, 1.0}


def test_pools_carry_all_labels_and_patients(folder: Path, tmp_path: Path) -> None:
    found = read_chexpert(folder, uncertain="missing").part("test")
    pool = found.to_pool((20, 24), cache=tmp_path)
    assert pool.images.shape == (40, 20, 24, 1)
    assert pool.labels.shape == (40, 5)
    np.testing.assert_array_equal(pool.groups, found.groups)
    assert len(pool) == 40


@pytest.mark.parametrize("name", ["CheXpert-v1.0", "."])
def test_the_folder_of_the_archive_may_have_its_other_names(name: str, tmp_path: Path) -> None:
    SOURCES[0].tiny(tmp_path / "chexpert")
    inside = tmp_path / "chexpert" / "CheXpert-v1.0-small"
    first = read_chexpert(tmp_path / "chexpert")
    if name == ".":
        for entry in list(inside.iterdir()):
            entry.rename(inside.parent / entry.name)
    else:
        inside.rename(inside.with_name(name))
    assert read_chexpert(tmp_path / "chexpert").names == first.names


def test_a_lost_image_or_patient_is_told(tmp_path: Path) -> None:
    SOURCES[0].tiny(tmp_path / "chexpert")
    patient = tmp_path / "chexpert" / "CheXpert-v1.0-small" / "train" / "patient00003"
    (patient / "study1" / "view1_frontal.jpg").unlink()
    with pytest.raises(DataError, match=r"1 image of 200 missing, as train/patient00003/study1"):
        read_chexpert(tmp_path / "chexpert")
    # A look checks folders of patients alone.
    assert not SOURCES[0].look(tmp_path / "chexpert").problems
    patient.rename(patient.with_name("renamed"))
    with pytest.raises(DataError, match="train/patient00003"):
        SOURCES[0].look(tmp_path / "chexpert")


def test_paths_of_another_form_are_told(tmp_path: Path) -> None:
    SOURCES[0].tiny(tmp_path / "chexpert")
    path = tmp_path / "chexpert" / "CheXpert-v1.0-small" / "valid.csv"
    table = pd.read_csv(path)
    table.loc[2, "Path"] = "elsewhere/x.jpg"
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match="should name images as"):
        read_chexpert(tmp_path / "chexpert")
