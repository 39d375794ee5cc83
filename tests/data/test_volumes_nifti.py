"""Studies in NIfTI: the layout, what can be wrong with it, the cache, and one training on them."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rarecall.data.collections import check_collection, presence, read_collection
from rarecall.data.collections.volumes import (
    PROSTATE_MRI,
    VolumeCollection,
    VolumePool,
    read_studies,
    volume_collection,
    write_studies,
)
from rarecall.data.collections.volumes.nifti import read_affine, read_volume
from rarecall.data.imbalance import stratified_splits
from rarecall.errors import ConfigurationError, DataError
from rarecall.methods import parse
from rarecall.metrics import auc, selection_measure
from rarecall.models.two_path import TwoPathCNN
from rarecall.training import TrainSettings, predict_scores, train

nib = pytest.importorskip("nibabel", reason="volumes are read through nibabel, an extra")

SIZE = (6, 16, 16)
NAME = "prostate-mri"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a root with the tiny data set, as its source writes it."""
    root = tmp_path_factory.mktemp("data")
    PROSTATE_MRI.tiny(root / NAME, seed=3)
    return root


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    """Give a copy of the tiny data set that a test may damage."""
    shutil.copytree(written, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture(scope="module")
def pool(written: Path, tmp_path_factory: pytest.TempPathFactory) -> VolumePool:
    cache = tmp_path_factory.mktemp("cache")
    return read_studies(written / NAME).to_pool(SIZE, cache=cache)


def save(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> None:
    nib.save(nib.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)


# What is there ------------------------------------------------------------------------------------


def test_the_catalogue_reads_it_by_name_and_says_that_it_is_made_up(written: Path) -> None:
    found = presence(NAME, written)
    assert (found.present, found.made_up) == (True, True)
    assert found.counts == {"train studies": 40, "test studies": 16}
    assert check_collection(NAME, written).problems == ()
    collection = read_collection(NAME, written)
    assert isinstance(collection, VolumeCollection)
    assert collection.counts == {"negative": 49, "positive": 7}
    assert len(collection.part("test")) == 16


def test_the_generator_is_fixed_by_its_seed(written: Path, tmp_path: Path) -> None:
    for seed in (3, 4):
        write_studies(tmp_path / str(seed) / NAME, seed=seed)
    one, same, other = (
        read_studies(folder / NAME).to_pool(SIZE, cache=tmp_path / "cache").digest()
        for folder in (written, tmp_path / "3", tmp_path / "4")
    )
    assert one == same != other


def test_spacings_are_read_from_the_headers(written: Path) -> None:
    collection = read_studies(written / NAME)
    assert np.allclose(collection.spacings(), [2.0, 2.0, 3.0])
    assert np.allclose(collection.spacings("diffusion"), [3.2, 3.2, 3.0])


def test_a_folder_that_is_not_there_says_whose_data_it_is_and_how_files_lie(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not given out.*studies\.csv with the columns"):
        read_collection(NAME, tmp_path)


def test_half_a_data_set_names_what_is_missing(root: Path) -> None:
    for number in range(20, 40):
        shutil.rmtree(root / NAME / f"train-{number:03d}")
    with pytest.raises(DataError, match=r"only a part.*train-020/t2\.nii\.gz.*and 75 more"):
        read_studies(root / NAME)
    found = presence(NAME, root)
    assert not found.present
    assert "more files are missing" in found.problems[-1]


def test_one_missing_weighting_is_named(root: Path) -> None:
    (root / NAME / "test-001" / "diffusion_b600.nii.gz").unlink()
    with pytest.raises(DataError, match=r"test-001/diffusion_b600\.nii\.gz"):
        read_studies(root / NAME)


def test_an_empty_file_is_seen_at_a_glance(root: Path) -> None:
    (root / NAME / "test-002" / "t2.nii.gz").write_bytes(b"")
    assert "t2.nii.gz is empty" in presence(NAME, root).problems[0]


# The table ----------------------------------------------------------------------------------------


def rewrite(root: Path, text: str) -> Path:
    (root / NAME / "studies.csv").write_text(text, encoding="utf-8")
    return root / NAME


def test_all_mistakes_of_the_table_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    folder = rewrite(
        tmp_path,
        "study,patient,cohort,label\n../a,p,train,0\nb,,train,1\nc,q,validation,2\nb,r,test,yes\n"
        "d,s,train,0\ne,s,test,0\n",
    )
    with pytest.raises(DataError) as caught:
        read_studies(folder)
    for told in (
        "line 2: study must be the name of a folder, not '../a'",
        "line 3: patient is empty",
        "line 4: cohort must be train or test, not 'validation'",
        "line 4: label must be 0 or 1, not '2'",
        "line 5: the study b is there twice",
        "line 7: the patient s is in both cohorts",
    ):
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("study,cohort\na,train\n", "patient, label missing"),
        ("", "it has none"),
        ("study,patient,cohort,label\n", "names no study"),
        ("study,patient,cohort,label\na\n", "line 2: patient is empty"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(DataError, match=told):
        read_studies(rewrite(tmp_path, text))


def test_a_renamed_table_is_offered(root: Path) -> None:
    (root / NAME / "studies.csv").rename(root / NAME / "cases.csv")
    with pytest.raises(DataError, match=r"The folder has cases\.csv"):
        read_studies(root / NAME)


def test_bytes_that_are_no_text_are_no_table(root: Path) -> None:
    (root / NAME / "studies.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_studies(root / NAME)


# Files --------------------------------------------------------------------------------------------


def test_voxels_and_affine_are_those_of_the_file(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    affine = np.diag([-1.0, 2.0, 3.0, 1.0])
    save(tmp_path / "a.nii", voxels, affine)
    found = read_volume(tmp_path / "a.nii")
    assert np.array_equal(found.voxels, voxels)
    assert np.allclose(found.affine, affine)
    assert np.allclose(read_affine(tmp_path / "a.nii"), affine)


def test_one_volume_of_four_axes_is_read_and_trailing_axes_of_one_are_dropped(
    tmp_path: Path,
) -> None:
    voxels = np.arange(48, dtype=np.float32).reshape(2, 3, 4, 2)
    save(tmp_path / "a.nii.gz", voxels)
    assert np.array_equal(read_volume(tmp_path / "a.nii.gz", 1).voxels, voxels[..., 1])
    save(tmp_path / "b.nii.gz", voxels[..., :1])
    assert np.array_equal(read_volume(tmp_path / "b.nii.gz").voxels, voxels[..., 0])


@pytest.mark.parametrize("number", [None, 5])
def test_other_axes_are_refused(tmp_path: Path, number: int | None) -> None:
    save(tmp_path / "a.nii.gz", np.zeros((2, 3, 4, 2), np.float32))
    with pytest.raises(DataError, match=r"must have .* axes"):
        read_volume(tmp_path / "a.nii.gz", number)


def whole(path: Path) -> bytes:
    save(path, np.random.default_rng(0).integers(0, 900, (20, 20, 20)).astype(np.int16))
    return path.read_bytes()


@pytest.mark.parametrize("kept", [0, 10, 200, 5000])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(whole(path)[:kept])
    with pytest.raises(DataError, match=r"a\.nii\.gz cannot be read as a NIfTI volume"):
        read_volume(path)


def test_flipped_bytes_and_other_formats_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    content = bytearray(whole(path))
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as a NIfTI volume"):
        read_volume(path)
    path.write_bytes(gzip.compress(b"not a volume" * 100))
    with pytest.raises(DataError, match="cannot be read as a NIfTI volume"):
        read_volume(path)


def test_a_header_that_asks_for_all_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    content = bytearray(whole(path))
    content[42:48] = np.array([30000, 30000, 30000], dtype="<i2").tobytes()
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"\(30000, 30000, 30000\)"):
        read_volume(path)


def test_voxels_that_are_not_numbers_are_counted(tmp_path: Path) -> None:
    voxels = np.zeros((3, 3, 3), np.float32)
    voxels[0, 0, :2] = np.nan, np.inf
    save(tmp_path / "a.nii.gz", voxels)
    with pytest.raises(DataError, match="2 voxels that are not numbers"):
        read_volume(tmp_path / "a.nii.gz")


def test_an_affine_without_inverse_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.float32), np.eye(4))
    image.set_sform(np.diag([1.0, 1.0, 0.0, 1.0]), 1)
    nib.save(image, tmp_path / "a.nii.gz")
    with pytest.raises(DataError, match="affine has no inverse"):
        read_volume(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("text", ["100 600", "100 100 600 1000", "a b c", "", None])
def test_b_values_must_name_each_weighting_once(root: Path, text: str | None) -> None:
    path = root / NAME / "train-003" / "diffusion.bval"
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"diffusion\.bval must"):
        read_studies(root / NAME)


def test_b_values_in_another_order_and_rounded_are_matched(root: Path) -> None:
    path = root / NAME / "train-003" / "diffusion.bval"
    path.write_text("0 1005 595 100\n", encoding="utf-8")
    files = read_studies(root / NAME).files["diffusion"][3]
    assert [file.number for file in files] == [3, 2, 1]


# Onto one grid ------------------------------------------------------------------------------------


def test_a_pool_holds_both_modalities_at_one_size(pool: VolumePool) -> None:
    assert {name: array.shape for name, array in pool.volumes.items()} == {
        "diffusion": (56, 3, *SIZE),
        "t2": (56, 1, *SIZE),
    }
    assert pool.spec() == {
        "kind": "volumes",
        "channels": {"diffusion": 3, "t2": 1},
        "size": list(SIZE),
    }
    for array in pool.volumes.values():
        values = array.astype(np.float64)
        assert np.isfinite(values).all()
        assert np.allclose(values.mean(axis=(1, 2, 3, 4)), 0, atol=2e-3)
        assert np.allclose(values.std(axis=(1, 2, 3, 4)), 1, atol=2e-3)
    batch = pool.dataset([1, 5]).gather(torch.tensor([0, 1])).inputs
    assert batch["diffusion"].shape == (2, 3, *SIZE)
    assert pool.rate is not None


def test_the_gland_lies_in_the_middle_however_its_study_was_stored(pool: VolumePool) -> None:
    middle = tuple(slice(side // 2 - 1, side // 2 + 1) for side in SIZE)
    corner = (slice(0, 1), slice(0, 3), slice(0, 3))
    negative = pool.labels == 0
    for array in pool.volumes.values():
        bright = array[negative][(slice(None), 0, *middle)].mean(axis=(1, 2, 3))
        dark = array[negative][(slice(None), 0, *corner)].mean(axis=(1, 2, 3))
        assert (bright > dark + 0.5).all()


def test_four_axes_in_one_file_give_the_same_as_three_files(root: Path, tmp_path: Path) -> None:
    folder = root / NAME / "train-000"
    before = read_studies(root / NAME).take([0]).to_pool(SIZE, cache=tmp_path / "cache")
    images = [nib.load(folder / f"diffusion_b{b}.nii.gz") for b in (100, 600, 1000)]
    save(
        folder / "diffusion.nii.gz",
        np.stack([np.asarray(image.dataobj) for image in images], axis=-1),
        images[0].affine,
    )
    (folder / "diffusion.bval").write_text("100 600 1000", encoding="utf-8")
    for b in (100, 600, 1000):
        (folder / f"diffusion_b{b}.nii.gz").unlink()
    after = read_studies(root / NAME).take([0]).to_pool(SIZE, cache=tmp_path / "cache")
    assert after.read == 1
    assert before.digest() == after.digest()


def test_a_damaged_study_is_named_and_the_others_are_not_lost(root: Path, tmp_path: Path) -> None:
    path = root / NAME / "train-007" / "t2.nii.gz"
    content = path.read_bytes()
    path.write_bytes(content[:2000])
    collection = read_studies(root / NAME).part("train")
    with pytest.raises(DataError, match=r"study train-007 cannot be used: .*t2\.nii\.gz"):
        collection.to_pool(SIZE, cache=tmp_path / "cache", threads=1)
    path.write_bytes(content)
    told: list[tuple[int, int]] = []
    again = collection.to_pool(
        SIZE, cache=tmp_path / "cache", progress=lambda done, all_: told.append((done, all_))
    )
    assert again.read < 40
    assert told[-1] == (40, 40)


def test_modalities_of_different_places_are_refused(root: Path, tmp_path: Path) -> None:
    path = root / NAME / "train-000" / "t2.nii.gz"
    image = nib.load(path)
    affine = image.affine.copy()
    affine[:3, 3] += 500
    save(path, np.asarray(image.dataobj), affine)
    with pytest.raises(DataError, match=r"train-000 .*do not overlap"):
        read_studies(root / NAME).take([0]).to_pool(SIZE, cache=tmp_path / "cache")


def test_values_too_large_to_keep_ask_for_scaling(root: Path, tmp_path: Path) -> None:
    path = root / NAME / "train-000" / "t2.nii.gz"
    image = nib.load(path)
    save(path, np.asarray(image.dataobj).astype(np.float32) * 1e4, image.affine)
    first = read_studies(root / NAME).take([0])
    with pytest.raises(DataError, match="choose the scaling"):
        first.to_pool(SIZE, scaling="none", cache=tmp_path / "cache")
    assert np.isfinite(first.to_pool(SIZE, cache=tmp_path / "cache").volumes["t2"]).all()


def test_a_second_reading_comes_from_the_cache_bit_for_bit(written: Path, tmp_path: Path) -> None:
    few = read_studies(written / NAME).take(range(6))
    first = few.to_pool(SIZE, cache=tmp_path)
    second = few.to_pool(SIZE, cache=tmp_path)
    assert (first.read, second.read, second.rate) == (6, 0, None)
    assert first.digest() == second.digest()
    assert few.to_pool(SIZE, cache=tmp_path, scaling="channel").read == 6
    assert few.to_pool((5, 16, 16), cache=tmp_path).read == 6


def test_changed_files_and_damaged_caches_are_read_anew(root: Path, tmp_path: Path) -> None:
    collection = read_studies(root / NAME).take(range(4))
    first = collection.to_pool(SIZE, cache=tmp_path / "cache")
    kept = sorted((tmp_path / "cache").rglob("*.npz"))
    assert len(kept) == 4
    kept[0].write_bytes(b"cut off")
    path = root / NAME / "train-002" / "t2.nii.gz"
    image = nib.load(path)
    save(path, np.asarray(image.dataobj)[::-1].copy(), image.affine)
    second = collection.to_pool(SIZE, cache=tmp_path / "cache")
    assert second.read >= 1
    assert first.digest() != second.digest()
    assert collection.to_pool(SIZE, cache=tmp_path / "cache").read == 0


def test_a_cache_that_cannot_be_written_costs_time_only(written: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    few = read_studies(written / NAME).take([0, 1])
    assert few.to_pool(SIZE, cache=tmp_path / "file").read == 2


def test_interrupted_readings_go_on_where_they_stopped(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = read_studies(written / NAME).take(range(6))
    real, calls = volume_collection.on_grid, []

    def stopping(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(volume_collection, "on_grid", stopping)
    with pytest.raises(KeyboardInterrupt):
        few.to_pool(SIZE, cache=tmp_path, threads=1)
    kept = len(list(tmp_path.rglob("*.npz")))
    assert 3 <= kept < 6
    monkeypatch.setattr(volume_collection, "on_grid", real)
    assert few.to_pool(SIZE, cache=tmp_path).read == 6 - kept


def test_a_fingerprint_names_the_studies_and_their_order(written: Path) -> None:
    collection = read_studies(written / NAME)
    assert collection.fingerprint == read_studies(written / NAME).fingerprint
    assert collection.fingerprint != collection.take(range(55)).fingerprint
    assert collection.fingerprint != collection.take(range(55, -1, -1)).fingerprint


def test_a_file_that_vanished_since_is_named(root: Path, tmp_path: Path) -> None:
    first = read_studies(root / NAME).take([0])
    path = root / NAME / "train-000" / "t2.nii.gz"
    path.unlink()
    with pytest.raises(DataError, match=r"t2\.nii\.gz is missing"):
        first.to_pool(SIZE, cache=tmp_path / "cache")
    with pytest.raises(DataError, match=r"t2\.nii\.gz is missing"):
        first.spacings()


def test_grids_and_threads_that_cannot_be_are_refused(written: Path) -> None:
    few = read_studies(written / NAME).take([0])
    with pytest.raises(ConfigurationError, match="depth, height and width"):
        few.to_pool((0, 4, 4))
    with pytest.raises(ConfigurationError, match="threads"):
        few.to_pool(SIZE, threads=0)


def test_parts_that_do_not_agree_are_refused(pool: VolumePool) -> None:
    words = pool.studies[:2]
    with pytest.raises(DataError, match="a label, study, patient and cohort"):
        VolumePool({"t2": pool.volumes["t2"]}, pool.labels[:2], words, words, words)
    with pytest.raises(DataError, match="no study in the cohort 'validation'"):
        pool.part("validation")
    with pytest.raises(ConfigurationError, match="reference"):
        VolumeCollection("a", {}, pool.labels[:0], words, words, words, reference="t2")


def test_without_nibabel_the_extra_is_named(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    collection = read_studies(written / NAME)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(DataError, match=r'pip install "rarecall\[volumes\]"'):
        collection.to_pool(SIZE)
    assert presence(NAME, written).present


# Trained on ---------------------------------------------------------------------------------------


def test_bce_with_alm_learns_made_up_lesions_from_both_modalities(tmp_path: Path) -> None:
    write_studies(tmp_path / NAME, seed=1, train=60, test=40, positive=0.2)
    pool = read_studies(tmp_path / NAME).to_pool(SIZE, cache=tmp_path / "cache")
    train_pool, test_pool = pool.part("train"), pool.part("test")
    (split,) = stratified_splits(train_pool.labels, test_pool.labels, critical=1, splits=1)
    objective = parse("bce+alm").build({"alm.penalty": 1e-2, "alm.growth": 2.0})
    torch.manual_seed(0)
    spec = train_pool.spec()
    network = TwoPathCNN(
        spec["channels"], spec["size"], outputs=objective.outputs, widths=(8, 16), hidden=16
    )
    settings = TrainSettings(
        steps=45, evaluate_every=15, batch_size=16, learning_rate=2e-3, augment="none", threads=1
    )
    fitted = train(
        network,
        objective,
        train_pool.dataset(split.train, split.targets(train_pool.labels, split.train)),
        train_pool.dataset(split.validation),
        settings=settings,
        measure=selection_measure(4, 0.9),
        seed=0,
    )
    scores = predict_scores(fitted.network, objective, test_pool.inputs())
    assert auc(scores, test_pool.labels) > 0.8


def test_the_guides_example_of_reading_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Its fence is `py`, not `python`: the other examples must run without nibabel.
    page = Path(__file__).parents[2] / "docs" / "guide" / "volumes.md"
    (block,) = re.findall(r"^```py\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(page), "exec"), {})
    said = [line.split("# ")[1] for line in block.splitlines() if "# {" in line]
    printed = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert set(said) <= set(printed)
