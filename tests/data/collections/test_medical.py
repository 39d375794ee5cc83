"""Medical collections: every one made up in its own layout, read back, and held to it."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.data.collections.catalogue import find_source, read_collection
from rarecall.data.collections.checking import check_collection, presence
from rarecall.data.collections.file_collection import FileCollection
from rarecall.data.collections.medical import SOURCES
from rarecall.data.collections.medical.body import read_isic2024, write_isic2024
from rarecall.data.collections.source import MARK
from rarecall.errors import DataError

NAMES = [source.name for source in SOURCES]
MEMBERS = {
    "siim-isic-2020": ("train.csv", "jpeg/train"),
    "isic-2019": ("ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Input"),
    "ham10000": ("HAM10000_metadata.csv", "HAM10000_images_part_2"),
    "isic2024": ("train-metadata.csv", "train-image/image"),
    "aptos2019": ("train.csv", "train_images"),
    "chexpert": ("CheXpert-v1.0-small/train.csv", "CheXpert-v1.0-small/train"),
    "ddsm+": ("images.csv", "test"),
}
"""The table of labels and a folder of images, of the collections that consist of these."""


def require(name: str) -> None:
    if name == "patchcamelyon" and importlib.util.find_spec("h5py") is None:
        pytest.skip("reading HDF5 files needs the package h5py")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All collections, made up, below one root; not to be changed."""
    folder = tmp_path_factory.mktemp("root")
    for source in SOURCES:
        if source.name != "patchcamelyon" or importlib.util.find_spec("h5py") is not None:
            source.tiny(folder / source.name, seed=1)
    return folder


@pytest.fixture
def fresh(root: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Give a copy of a made-up collection that may be changed."""

    def copy(name: str) -> Path:
        require(name)
        shutil.copytree(root / name, tmp_path / name)
        return tmp_path / name

    return copy


def read(folder: Path) -> FileCollection:
    found = find_source(folder.name).read(folder)
    assert isinstance(found, FileCollection)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_made_up_data_is_found_read_and_decoded(name: str, root: Path, tmp_path: Path) -> None:
    require(name)
    seen = presence(name, root)
    assert seen.present
    assert seen.made_up
    assert not seen.problems
    found = read_collection(name, root)
    assert isinstance(found, FileCollection)
    assert (found.name, len(found)) == (name, seen.counts["images"])
    assert len(set(found.names)) == len(found)
    assert not any(part.startswith("/") for part in found.names)
    pool = found.take(range(0, len(found), 9)).to_pool(24, cache=tmp_path, threads=1)
    assert pool.images.shape == (len(pool.labels), 24, 24, found.channels)
    assert pool.images.std() > 10
    assert pool.reading is not None
    assert pool.reading.decoded == len(pool)
    if found.metadata is not None:
        assert len(found.metadata) == len(found)
        told = " ".join(found.metadata.columns).lower()
        assert not any(word in told for word in ("target", "diagnosis", "malignant", "iddx"))
    critical = found.labels if found.labels.ndim == 2 else found.labels > 0
    assert 0 < np.nanmean(critical) < 1


@pytest.mark.parametrize("name", ["isic-2019", "ham10000", "aptos2019", "patchcamelyon"])
def test_seeds_repeat_made_up_data_and_differ(name: str, tmp_path: Path) -> None:
    require(name)
    for seed, place in ((0, "a"), (0, "b"), (1, "c")):
        find_source(name).tiny(tmp_path / place / name, seed=seed)
    pools = [
        read(tmp_path / place / name).take(range(12)).to_pool(16, cache=tmp_path / "cache")
        for place in "abc"
    ]
    np.testing.assert_array_equal(pools[0].images, pools[1].images)
    np.testing.assert_array_equal(pools[0].labels, pools[1].labels)
    assert (pools[0].images != pools[2].images).any()


@pytest.mark.parametrize("name", NAMES)
def test_without_its_mark_made_up_data_is_not_the_published_one(
    name: str, tmp_path: Path, fresh: Callable[[str], Path]
) -> None:
    folder = fresh(name)
    for mark in folder.rglob(MARK):
        mark.unlink()
    if name == "ddsm+":
        assert len(read(folder)) == 200
        return
    with pytest.raises(DataError, match=r"does not hold the published data set: .* instead of"):
        read(folder)
    seen = presence(name, tmp_path)
    assert not seen.present
    assert not seen.made_up
    assert seen.problems


@pytest.mark.parametrize("name", NAMES)
def test_absent_and_renamed_folders_are_told_with_where_to_get_it(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"is not in ") as told:
        read_collection(name, tmp_path)
    assert find_source(name).origin in str(told.value)
    assert find_source(name).layout in str(told.value)
    (tmp_path / name).mkdir()
    with pytest.raises(DataError) as told:
        read_collection(name, tmp_path)
    assert find_source(name).origin in str(told.value)
    assert not presence(name, tmp_path).present


@pytest.mark.parametrize("name", MEMBERS)
def test_half_a_data_set_is_told_with_what_is_missing(
    name: str, tmp_path: Path, fresh: Callable[[str], Path]
) -> None:
    folder = fresh(name)
    whole = len(read(folder))
    images = sorted(path for path in (folder / MEMBERS[name][1]).rglob("*") if path.is_file())
    for path in images[: len(images) // 2]:
        path.unlink()
    with pytest.raises(DataError, match=r"only a part of the data set") as told:
        read(folder)
    assert f"{len(images) // 2} images of {whole}" in str(told.value)
    assert any(path.name in str(told.value) for path in images[: len(images) // 2])
    if name != "chexpert":
        assert "only a part" in presence(name, tmp_path).problems[0]


@pytest.mark.parametrize("name", MEMBERS)
def test_a_missing_damaged_or_foreign_table_is_told(
    name: str, tmp_path: Path, fresh: Callable[[str], Path]
) -> None:
    folder = fresh(name)
    path = folder / MEMBERS[name][0]
    whole = path.read_text()
    table = pd.read_csv(path)
    table.rename(columns={table.columns[0]: "other"}).to_csv(path, index=False)
    with pytest.raises(DataError, match="has no column"):
        read(folder)
    table.iloc[:0].to_csv(path, index=False)
    with pytest.raises(DataError, match="has no rows"):
        read(folder)
    for content in (b"", b"\xff\xfe\x00 \x81", b'a,b\n"1,2\n3'):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot be read as a table|has no column"):
            read(folder)
    path.unlink()
    with pytest.raises(DataError, match=r"missing|holds no"):
        read(folder)
    path.write_text(whole)
    assert check_collection(name, tmp_path).present


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("siim-isic-2020", "target"),
        ("ham10000", "dx"),
        ("isic2024", "target"),
        ("aptos2019", "diagnosis"),
        ("ddsm+", "label"),
        ("ddsm+", "part"),
    ],
)
def test_a_label_that_is_none_is_told(name: str, column: str, fresh: Callable[[str], Path]) -> None:
    folder = fresh(name)
    path = folder / MEMBERS[name][0]
    table = pd.read_csv(path).astype({column: "object"})
    table.loc[3, column] = "7x"
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match=rf"has '7x' in the column '{column}'"):
        read(folder)


@pytest.mark.parametrize("name", MEMBERS)
def test_labels_follow_the_names_not_the_order_of_the_table(
    name: str, fresh: Callable[[str], Path]
) -> None:
    folder = fresh(name)
    first = read(folder)
    path = folder / MEMBERS[name][0]
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.sample(frac=1.0, random_state=0).to_csv(path, index=False)
    second = read(folder)
    assert first.names != second.names
    assert first.fingerprint != second.fingerprint

    def by_name(found: FileCollection, values: Any) -> dict[str, Any]:
        return dict(zip(found.names, np.asarray(values).tolist(), strict=True))

    if name != "chexpert":  # its uncertain labels are drawn in the order of the table
        assert by_name(first, first.labels) == by_name(second, second.labels)
    if first.groups is not None and second.groups is not None:
        assert by_name(first, first.groups) == by_name(second, second.groups)


def test_melanoma_of_both_years_keeps_their_lesions_and_patients_apart(root: Path) -> None:
    both = read_collection("melanoma-2019-2020", root)
    parts = [
        read(root / both.name / "siim-isic-2020"),
        read(root / both.name / "isic-2019"),
    ]
    assert len(both) == sum(map(len, parts))
    np.testing.assert_array_equal(both.labels, np.concatenate([part.labels for part in parts]))
    assert both.counts["melanoma"] == sum(part.counts["melanoma"] for part in parts)
    cut = len(parts[0])
    assert not set(both.groups[:cut]) & set(both.groups[cut:])
    assert len(set(both.groups)) == sum(len(set(part.groups)) for part in parts)  # type: ignore[arg-type]
    assert list(both.metadata.columns) == ["sex", "age", "site"]


def test_lesions_that_are_not_named_stand_alone(root: Path) -> None:
    found = read(root / "isic-2019")
    table = pd.read_csv(root / "isic-2019" / "ISIC_2019_Training_Metadata.csv")
    unknown = int(table["lesion_id"].isna().sum())
    assert unknown > 0
    assert found.groups is not None
    alone = [group for group in found.groups if group.startswith("alone:")]
    assert len(set(alone)) == unknown
    assert len(set(found.groups)) == unknown + table["lesion_id"].nunique()


def test_a_patient_in_training_and_test_is_told(fresh: Callable[[str], Path]) -> None:
    folder = fresh("ddsm+")
    table = pd.read_csv(folder / "images.csv")
    table.loc[table.index[-1], "patient"] = table.loc[0, "patient"]
    table.to_csv(folder / "images.csv", index=False)
    with pytest.raises(DataError, match="patient P_00000 in both parts"):
        read(folder)
    table.drop(columns="patient").to_csv(folder / "images.csv", index=False)
    assert read(folder).groups is None


def test_an_image_named_twice_is_told(fresh: Callable[[str], Path]) -> None:
    folder = fresh("ddsm+")
    table = pd.read_csv(folder / "images.csv")
    pd.concat([table, table.iloc[:1]]).to_csv(folder / "images.csv", index=False)
    with pytest.raises(DataError, match="names an image twice"):
        read(folder)


def test_a_damaged_image_is_told_by_name_when_it_is_decoded(
    tmp_path: Path, fresh: Callable[[str], Path]
) -> None:
    found = read(fresh("siim-isic-2020"))
    found.paths[5].write_bytes(b"no image")
    with pytest.raises(DataError, match=r"jpeg/train/ISIC_0015005\.jpg \(it is no image\)"):
        found.to_pool(16, cache=tmp_path / "cache")


def test_columns_that_give_the_label_away_are_left_out_of_isic_2024(root: Path) -> None:
    found = read(root / "isic2024")
    assert found.metadata is not None
    assert list(found.metadata) == [
        "age_approx",
        "sex",
        "anatom_site_general",
        "clin_size_long_diam_mm",
        "tbp_lv_H",
    ]


def test_isic_2024_reads_the_same_from_its_hdf5_file(tmp_path: Path, root: Path) -> None:
    pytest.importorskip("h5py", reason="reading HDF5 files needs the package h5py")
    folder = tmp_path / "isic2024"
    folder.mkdir()
    (folder / MARK).touch()
    write_isic2024(folder, seed=1, packed=True)
    found, files = read_isic2024(folder), read(root / "isic2024")
    np.testing.assert_array_equal(found.labels, files.labels)
    rows = range(0, 240, 7)
    one, other = (part.take(rows).to_pool(20, cache=tmp_path / "c") for part in (found, files))
    np.testing.assert_array_equal(one.images, other.images)


def test_patchcamelyon_has_slides_parts_and_its_own_pixels(
    tmp_path: Path, fresh: Callable[[str], Path]
) -> None:
    h5py = pytest.importorskip("h5py", reason="reading HDF5 files needs the package h5py")
    folder = fresh("patchcamelyon")
    found = read(folder)
    assert found.groups is not None
    assert len(set(found.groups)) == 18
    part = found.part("valid")
    pool = part.to_pool(96, cache=tmp_path / "cache")
    with h5py.File(folder / "camelyonpatch_level_2_split_valid_x.h5") as file:
        np.testing.assert_array_equal(pool.images, file["x"][:])
    for path in folder.glob("*meta.csv"):
        path.unlink()
    alone = read(folder)
    assert alone.groups is not None
    assert len(set(alone.groups)) == len(alone)
    (folder / "camelyonpatch_level_2_split_test_y.h5").unlink()
    with pytest.raises(DataError, match=r"test_y\.h5 cannot be read as HDF5: there is no such"):
        read(folder)


def test_labels_of_another_number_than_the_patches_are_told(fresh: Callable[[str], Path]) -> None:
    h5py = pytest.importorskip("h5py", reason="reading HDF5 files needs the package h5py")
    folder = fresh("patchcamelyon")
    with h5py.File(folder / "camelyonpatch_level_2_split_test_y.h5", "w") as file:
        file.create_dataset("y", data=np.zeros((3, 1, 1, 1), np.uint8))
    with pytest.raises(DataError, match="there are 3 labels beside it"):
        read(folder)


def test_the_official_layout_of_the_challenge_of_2020_is_read_too(
    root: Path, fresh: Callable[[str], Path]
) -> None:
    folder = fresh("siim-isic-2020")
    (folder / "train.csv").rename(folder / "ISIC_2020_Training_GroundTruth.csv")
    (folder / "jpeg" / "train").rename(folder / "train")
    assert len(read(folder)) == len(read(root / "siim-isic-2020"))


def test_mammograms_are_grey_and_keep_their_levels(
    tmp_path: Path, fresh: Callable[[str], Path]
) -> None:
    found = read(fresh("ddsm+"))
    pool = found.take([0, 1]).to_pool(56, cache=tmp_path / "cache")
    with Image.open(found.paths[1]) as image:
        np.testing.assert_array_equal(pool.images[1, ..., 0], np.asarray(image))
