"""The catalogue: data sets by name, what is there of them, and words for what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rarecall.data.collections import (
    CATALOGUE,
    Collection,
    Expected,
    Look,
    Source,
    cache_root,
    check_collection,
    collection_names,
    data_root,
    find_source,
    is_made_up,
    presence,
    read_collection,
)
from rarecall.data.collections.checksums import check_sum, file_sum
from rarecall.errors import ConfigurationError, DataError

OWN = ("cifar10", "cifar100", "stl10")


def test_every_source_says_where_it_is_had_and_how_its_files_lie() -> None:
    assert [source.name for source in CATALOGUE] == collection_names()
    assert set(OWN) | {"cats-and-dogs"} <= set(collection_names())
    for source in CATALOGUE:
        assert source.name == source.name.lower()
        assert source.title
        assert len(source.layout) > 10
        assert len(source.origin) > 40
        assert all(
            wanted.startswith(("md5:", "sha256:")) for wanted in source.expected.sums.values()
        )


@pytest.mark.parametrize("name", OWN)
def test_made_up_data_is_read_like_published_data_and_marked(tmp_path: Path, name: str) -> None:
    find_source(name).tiny(tmp_path / name, seed=3)
    found = presence(name, tmp_path)
    assert found.present
    assert found.made_up
    assert not found.problems
    read = read_collection(name, tmp_path)
    assert isinstance(read, Collection)
    assert set(np.unique(read.train.labels)) == set(range(len(read.classes)))
    assert min(np.bincount(read.train.labels)) >= 20
    assert check_collection(name, tmp_path).present


def test_equal_seeds_make_up_equal_data_and_other_seeds_other_data(tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate((1, 1, 2)):
        root = tmp_path / str(number)
        find_source("cifar10").tiny(root / "cifar10", seed=seed, train_per_class=5)
        found.append(read_collection("cifar10", root).fingerprint())
    assert found[0] == found[1] != found[2]


def test_made_up_classes_can_be_told_apart(tmp_path: Path) -> None:
    find_source("cifar10").tiny(tmp_path / "cifar10")
    read = read_collection("cifar10", tmp_path)
    means = [read.train.images[read.train.labels == label].mean(axis=0) for label in (1, 9)]
    held = read.test.images[np.isin(read.test.labels, (1, 9))].astype(float)
    nearer = [((held - mean) ** 2).sum(axis=(1, 2, 3)) for mean in means]
    said = np.where(nearer[0] < nearer[1], 1, 9)
    assert (said == read.test.labels[np.isin(read.test.labels, (1, 9))]).mean() > 0.9


def test_an_absent_data_set_is_told_with_where_it_is_had(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"CIFAR-10 is not in .*Alex Krizhevsky.*data_batch_1"):
        read_collection("cifar10", tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        read_collection("cifar10", tmp_path / "nowhere")
    found = presence("stl10", tmp_path)
    assert not found.present
    assert "no account is needed" in found.problems[0]
    assert not check_collection("stl10", tmp_path).present


def test_a_renamed_folder_is_recognised(tmp_path: Path) -> None:
    find_source("cifar10").tiny(tmp_path / "CIFAR_10-python")
    with pytest.raises(DataError, match="The folder CIFAR_10-python there may be it: rename it"):
        read_collection("cifar10", tmp_path)
    # A folder of another data set is not offered, however alike the names.
    find_source("cifar10").tiny(tmp_path / "cifar10", train_per_class=1)
    assert "The folder cifar10 there" not in presence("cifar100", tmp_path).problems[0]


def test_half_a_data_set_is_told_by_a_glance_and_by_reading(tmp_path: Path) -> None:
    find_source("cifar10").tiny(tmp_path / "cifar10")
    inside = tmp_path / "cifar10" / "cifar-10-batches-py"
    (inside / "data_batch_4").unlink()
    (inside / "data_batch_5").write_bytes(b"")
    found = presence("cifar10", tmp_path)
    assert not found.present
    assert [problem.split()[-1] for problem in found.problems] == ["missing.", "empty."]
    with pytest.raises(
        DataError, match=r"only a part of cifar10: data_batch_4 missing.*Krizhevsky"
    ):
        read_collection("cifar10", tmp_path)


def test_a_folder_with_other_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "notes.txt").write_text("x")
    assert "none of the forms" in presence("cifar10", tmp_path).problems[0]
    with pytest.raises(DataError, match="Put the folder cifar-10-batches-py there"):
        read_collection("cifar10", tmp_path)


def test_an_archive_that_was_not_unpacked_is_seen(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "cifar-10-python.tar.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"Unpack cifar-10-python.tar.gz there"):
        read_collection("cifar10", tmp_path)


def test_data_that_is_not_marked_must_have_the_published_sums(tmp_path: Path) -> None:
    find_source("cifar10").tiny(tmp_path / "cifar10")
    (tmp_path / "cifar10" / "MADE-UP.txt").unlink()
    with pytest.raises(DataError, match="data_batch_1 is not the published file"):
        read_collection("cifar10", tmp_path)
    problems = check_collection("cifar10", tmp_path).problems
    assert len(problems) == 6
    assert all("is not the published file" in problem for problem in problems)


def test_a_full_check_reads_what_a_glance_does_not(tmp_path: Path) -> None:
    find_source("cifar10").tiny(tmp_path / "cifar10", train_per_class=5)
    path = tmp_path / "cifar10" / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(path.read_bytes()[:-100])
    assert presence("cifar10", tmp_path).present
    found = check_collection("cifar10", tmp_path)
    assert not found.present
    assert "data_batch_2 is not the file that was published" in found.problems[0]


def test_counts_are_held_to_those_published(tmp_path: Path) -> None:
    for part, n in (("train", 12), ("test", 10_000)):
        np.savez(
            tmp_path / f"cifar100_{part}.npz",
            images=np.zeros((n, 1, 1, 3), dtype=np.uint8),
            labels=np.zeros(n, dtype=np.int64),
        )
    (tmp_path / "cifar100").mkdir()
    for path in tmp_path.glob("*.npz"):
        path.rename(tmp_path / "cifar100" / path.name)
    found = presence("cifar100", tmp_path)
    assert found.counts == {"train": 12, "test": 10_000}
    assert found.problems == (f"CIFAR-100 has 50,000 train; 12 are in {tmp_path / 'cifar100'}.",)


def test_packed_arrays_that_are_damaged_are_told_at_a_glance(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "cifar10_train.npz").write_bytes(b"PK\x03\x04 no archive")
    problems = presence("cifar10", tmp_path).problems
    assert len(problems) == 2
    assert all("missing or damaged" in problem for problem in problems)


def test_a_look_that_fails_is_a_problem_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(folder: Path) -> Look:
        raise DataError("the table is damaged.")

    def nothing(folder: Path, *, seed: int = 0) -> None:
        return

    made = Source("a", "A", "images", "x", "nobody", nothing, nothing, Expected({"x": 1}), look)
    monkeypatch.setattr("rarecall.data.collections.checking.find_source", lambda name: made)
    (tmp_path / "a").mkdir()
    assert presence("a", tmp_path).problems == ("the table is damaged.",)


def test_unknown_names_offer_near_ones() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'cifar10"):
        find_source("cifar-10")


def test_the_root_is_the_argument_then_the_environment_then_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RARECALL_DATA", raising=False)
    assert data_root() == Path("data")
    monkeypatch.setenv("RARECALL_DATA", "elsewhere")
    assert data_root() == Path("elsewhere")
    assert data_root("here") == Path("here")


def test_the_cache_is_the_argument_then_the_environment_then_the_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RARECALL_CACHE", raising=False)
    assert cache_root().name == "rarecall"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "own")
    assert cache_root() == Path("own") / "rarecall"
    monkeypatch.setenv("RARECALL_CACHE", "elsewhere")
    assert cache_root() == Path("elsewhere")
    assert cache_root("here") == Path("here")


def test_sums_are_those_of_the_standards(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sum(path, "md5") == "md5:900150983cd24fb0d6963f7d28e17f72"
    assert file_sum(path).startswith("sha256:ba7816bf8f01cfea414140de5dae2223")
    check_sum(path, "md5:900150983cd24fb0d6963f7d28e17f72")
    with pytest.raises(DataError, match="its sum is md5:9001"):
        check_sum(path, "md5:0")


def test_a_folder_is_made_up_only_if_it_is_marked(tmp_path: Path) -> None:
    assert not is_made_up(tmp_path)
    assert not is_made_up(tmp_path / "absent")


def test_naming_the_module_loads_no_heavy_package() -> None:
    code = (
        "import sys, rarecall.data; before = set(sys.modules); "
        "import rarecall.data.collections, rarecall.data.imbalance; "
        "print([name for name in ('pandas', 'sklearn', 'imagecodecs', 'nibabel', 'h5py') "
        "if name in set(sys.modules) - before])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
