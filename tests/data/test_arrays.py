from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from rarecall.data import load, make_split
from rarecall.errors import DataError

N = 40


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)


@pytest.fixture
def targets():
    return (np.arange(N) % 4 == 0).astype(np.int64)


@pytest.mark.parametrize("names", [("features", "targets"), ("X", "y"), ("embeddings", "labels")])
def test_an_npz_with_labels_is_a_table(tmp_path, features, targets, names):
    path = tmp_path / "set.npz"
    np.savez(path, **dict(zip(names, (features, targets), strict=True)))
    samples = load(path, critical=1)
    assert samples.kind == "table"
    np.testing.assert_array_equal(samples.features.to_numpy(), features)
    assert samples.targets.tolist() == targets.tolist()


def test_an_npz_may_hold_ids_groups_times_and_a_split(tmp_path, features, targets):
    path = tmp_path / "set.npz"
    np.savez(
        path,
        features=features,
        targets=np.where(targets[:, None] == 1, "ill", "well"),
        ids=np.asarray([f"i{k}" for k in range(N)]),
        groups=np.arange(N) // 2,
        times=np.arange(N).astype("datetime64[D]"),
        split=np.where(np.arange(N) < 30, "train", "test"),
    )
    samples = load(path, critical="ill")
    assert samples.ids[3] == "i3"
    assert samples.groups[3] == "1"
    assert samples.times.dtype.kind == "M"
    assert samples.given_roles[-1] == "test"
    assert samples.features.shape == (N, 5)


@pytest.mark.parametrize("beside", ["emb.targets.npy", "emb_labels.npy", "targets.npy", "y.npy"])
def test_the_labels_of_an_npy_are_found_beside_it(tmp_path, features, targets, beside):
    np.save(tmp_path / "emb.npy", features)
    np.save(tmp_path / beside, targets.astype(bool))
    samples = load(tmp_path / "emb.npy", critical=1)
    assert samples.critical == "True"
    assert samples.targets.tolist() == targets.tolist()


def test_a_table_beside_an_npy_brings_label_group_and_id(tmp_path, features, targets):
    np.save(tmp_path / "emb.npy", features)
    frame = pd.DataFrame({"who": np.arange(N) // 2, "state": targets, "age": np.arange(N) / 3})
    frame.to_csv(tmp_path / "emb.csv", index=False)
    samples = load(tmp_path / "emb.npy", target="state", critical="1", group="who")
    assert samples.features.shape == (N, 5)
    assert samples.groups.tolist()[:3] == ["0", "0", "1"]
    with pytest.raises(DataError, match=r"emb\.csv holds the label.*'state'"):
        load(tmp_path / "emb.npy", critical="1")


def test_a_stack_of_bytes_is_images(tmp_path, targets):
    pixels = np.random.default_rng(0).integers(0, 256, size=(N, 7, 7), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=pixels, labels=targets)
    samples = load(tmp_path / "set.npz", critical=1)
    assert samples.kind == "images"
    np.testing.assert_array_equal(samples.features[..., 0], pixels)
    assert sum(map(len, make_split(samples).positions.values())) == N


def test_half_precision_and_dead_dimensions_are_handled(tmp_path, features, targets):
    features[:, 2] = 0
    np.savez(tmp_path / "set.npz", X=features.astype(np.float16), y=targets)
    samples = load(tmp_path / "set.npz", critical=1)
    assert list(samples.features) == ["x0", "x1", "x3", "x4"]
    assert any("'x2'" in note for note in samples.notes)


class _Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('ran')",))


@pytest.mark.parametrize("name", ["set.npz", "set.npy"])
def test_pickled_objects_are_refused_and_never_run(tmp_path, targets, name):
    path = tmp_path / name
    bomb = np.array([_Bomb()] * N, dtype=object)
    if name.endswith("npz"):
        np.savez(path, features=bomb, targets=targets)
    else:
        np.save(path, bomb)
        np.save(tmp_path / "targets.npy", targets)
    with pytest.raises(DataError, match="could run code"):
        load(path, critical=1)


@pytest.mark.parametrize("keep", [0, 10, 300, -30])
def test_a_cut_off_archive_is_told_in_words(tmp_path, features, targets, keep):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, features=features, targets=targets)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="cannot be read as a NumPy file"):
        load(path, critical=1)


def test_a_bare_pickle_is_refused_and_never_run(tmp_path):
    path = tmp_path / "set.npy"
    path.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(DataError, match=r"set\.npy"):
        load(path, critical=1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(3)}, "'features' .* it holds 'a'"),
        ({"X": np.zeros((3, 2)), "y": np.zeros(4)}, "3 samples but 4 labels"),
        ({"X": np.zeros((3, 2, 2)), "y": np.zeros(3)}, "float64, shape"),
        ({"X": np.zeros((3, 2)), "y": np.zeros((3, 2))}, "one value a sample"),
        ({"X": np.array([["a"], ["b"]]), "y": np.zeros(2)}, "must hold numbers"),
        ({"images": np.zeros((2, 4, 4, 2), np.uint8), "y": np.arange(2)}, "1 or 3 channels"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "set.npz", critical=1)


def test_an_npy_without_labels_says_where_to_put_them(tmp_path, features):
    np.save(tmp_path / "emb.npy", features)
    with pytest.raises(DataError, match=r"emb\.targets\.npy"):
        load(tmp_path / "emb.npy", critical=1)
