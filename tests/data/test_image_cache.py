"""The cache of decoded images: right pixels, nothing twice, nothing half."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rarecall.data import image_cache
from rarecall.data.cache_file import CacheFile
from rarecall.data.image_cache import CachedImages, cached_images
from rarecall.data.images import decode_each
from rarecall.errors import DataError, StorageError


def photographs(folder: Path, n: int = 6, ending: str = "png") -> list[Path]:
    """Write images of several sizes; give their paths."""
    rng = np.random.default_rng(0)
    paths = []
    for k in range(n):
        shape = (int(rng.integers(20, 60)), int(rng.integers(20, 60)), 3)
        smooth = np.linspace(0, 200, shape[0] * shape[1] * 3).reshape(shape)
        path = folder / f"{k:03d}.{ending}"
        Image.fromarray((smooth + rng.integers(0, 50, shape)).astype(np.uint8)).save(path)
        paths.append(path)
    return paths


def read(paths: list[Path], size: Any, folder: Path, **options: Any) -> CachedImages:
    return cached_images(paths, size, cache=folder / "cache", **options)


def odd_images(folder: Path) -> dict[str, Path]:
    """Write one image of every kind that data sets hold."""
    rng = np.random.default_rng(1)
    colour = Image.fromarray(rng.integers(0, 256, (300, 200, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "large.jpg": (colour.resize((1200, 900)), {}),
        "turned.jpg": (colour, {"exif": exif}),
        "grey.png": (colour.convert("L"), {}),
        "palette.png": (colour.convert("P"), {}),
        "clear.png": (colour.convert("RGBA"), {}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "tiny.png": (colour.resize((3, 2)), {}),
    }
    for name, (image, options) in kinds.items():
        image.save(folder / name, **options)
    return {name: folder / name for name in kinds}


@pytest.mark.parametrize("size", [(16, 16), (24, 10), (64, 64)])
def test_pixels_are_those_of_a_delivered_model(tmp_path: Path, size: tuple[int, int]) -> None:
    paths = list(odd_images(tmp_path).values())
    found = read(paths, size, tmp_path)
    assert found.pixels.shape == (len(paths), *size, 3)
    for pixels, expected in zip(found.pixels, decode_each(paths, size, bits=8), strict=True):
        assert not isinstance(expected, str)
        np.testing.assert_array_equal(pixels, np.broadcast_to(expected, pixels.shape))


def test_deep_grey_images_come_down_by_the_bits_of_their_data_set(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 40 * 30).reshape(40, 30).astype(np.uint16)
    path = tmp_path / "deep.png"
    Image.fromarray(values).save(path)
    found = read([path], (40, 30), tmp_path, bits=12, channels=1)
    np.testing.assert_array_equal(found.pixels[0, ..., 0], values >> 4)
    small = read([path], (20, 15), tmp_path, bits=12, channels=1).pixels[0]
    expected = decode_each([path], (20, 15), bits=12)[0]
    np.testing.assert_array_equal(small, expected)
    with pytest.raises(DataError, match=r"deep\.png \(more than the 8 bits"):
        read([path], 8, tmp_path, channels=1)


def test_colours_become_grey_where_grey_is_asked_for(tmp_path: Path) -> None:
    (path,) = photographs(tmp_path, 1)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("L"))
    found = read([path], expected.shape, tmp_path, channels=1)
    np.testing.assert_array_equal(found.pixels[0, ..., 0], expected)


def test_nothing_is_decoded_twice(tmp_path: Path) -> None:
    paths = photographs(tmp_path)
    first = read(paths, 8, tmp_path, threads=1)
    again = read(paths, 8, tmp_path, threads=3)
    assert (first.decoded, again.decoded) == (6, 0)
    assert first.per_second > 0
    assert again.per_second == 0
    assert first.path == again.path
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert not again.pixels.flags.writeable
    assert [path.suffix for path in first.path.parent.iterdir()] == [".npy"]


def test_another_size_order_or_content_is_another_file(tmp_path: Path) -> None:
    paths = photographs(tmp_path)
    found = {read(paths, 8, tmp_path).path}
    found.add(read(paths, (8, 9), tmp_path).path)
    found.add(read(paths, 8, tmp_path, channels=1).path)
    found.add(read(paths[::-1], 8, tmp_path).path)
    found.add(read(paths[:5], 8, tmp_path).path)
    Image.new("RGB", (20, 20), (9, 9, 9)).save(paths[0])
    changed = read(paths, 8, tmp_path)
    found.add(changed.path)
    assert changed.pixels[0].max() == 9
    os.utime(paths[1], ns=(1, 1))
    found.add(read(paths, 8, tmp_path).path)
    assert len(found) == 7


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("left", ["half", "zeros", "nothing", "text"])
def test_a_damaged_image_is_named(tmp_path: Path, ending: str, left: str) -> None:
    paths = photographs(tmp_path, 5, ending)
    whole = paths[3].read_bytes()
    half = whole[: len(whole) // 2]
    # A JPEG says nothing of damage inside; its other half must be missing.
    zeros = half + b"\0" * len(half) if ending == "png" else half
    paths[3].write_bytes({"half": half, "zeros": zeros, "nothing": b"", "text": b"<html>"}[left])
    with pytest.raises(DataError, match=rf"1 image of 5 cannot be read: 003\.{ending} \("):
        read(paths, 8, tmp_path)


def test_after_a_repair_only_the_damaged_image_is_decoded(tmp_path: Path) -> None:
    paths = photographs(tmp_path, 5)
    whole, stored = paths[3].read_bytes(), paths[3].stat()
    paths[3].write_bytes(b"x" * len(whole))
    os.utime(paths[3], ns=(stored.st_atime_ns, stored.st_mtime_ns))
    with pytest.raises(DataError, match="it is no image"):
        read(paths, 8, tmp_path)
    paths[3].write_bytes(whole)
    os.utime(paths[3], ns=(stored.st_atime_ns, stored.st_mtime_ns))
    found = read(paths, 8, tmp_path)
    assert found.decoded == 1
    other = cached_images(paths, 8, cache=tmp_path / "elsewhere")
    np.testing.assert_array_equal(found.pixels, other.pixels)


def test_a_stopped_run_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_cache, "_CHUNK_BYTES", 1)
    paths = photographs(tmp_path, 40)

    def stop(done: int, of: int) -> None:
        assert of == 40
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(paths, 8, tmp_path, progress=stop)
    assert [path.suffix for path in (tmp_path / "cache" / "images").iterdir()] == [".part"]
    told: list[tuple[int, int]] = []
    found = read(paths, 8, tmp_path, progress=lambda done, of: told.append((done, of)))
    assert found.decoded == 24
    assert told[-1] == (40, 40)
    other = cached_images(paths, 8, cache=tmp_path / "elsewhere")
    np.testing.assert_array_equal(found.pixels, other.pixels)


def test_two_at_once_give_the_same_whole_file(tmp_path: Path) -> None:
    paths = photographs(tmp_path, 60)
    found: list[CachedImages] = []
    together = threading.Barrier(3)

    def work() -> None:
        together.wait()
        found.append(read(paths, 8, tmp_path))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 3
    other = cached_images(paths, 8, cache=tmp_path / "elsewhere")
    for one in found:
        np.testing.assert_array_equal(one.pixels, other.pixels)
    assert [path.suffix for path in found[0].path.parent.iterdir()] == [".npy"]


def test_a_part_of_another_length_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.with_name("a.npy.part").write_bytes(b"left by a full disk")
    with CacheFile(path, (2, 3)) as file:
        assert not file.done(0, 2).any()
        file.write({k: np.full(3, k, np.uint8) for k in range(2)})
    assert np.load(path).tolist() == [[0, 0, 0], [1, 1, 1]]


def test_an_array_that_is_not_whole_does_not_appear(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with CacheFile(path, (2, 3)) as file:
        file.write({0: np.zeros(3, np.uint8)})
    assert not path.exists()
    with pytest.raises(ValueError, match="inside its `with` block"):
        file.write({})


def test_missing_images_are_named(tmp_path: Path) -> None:
    paths = [*photographs(tmp_path, 3), tmp_path / "gone.png"]
    with pytest.raises(DataError, match=r"1 image of 4 cannot be read: .* gone\.png"):
        read(paths, 8, tmp_path)
    with pytest.raises(DataError, match="no images"):
        read([], 8, tmp_path)


@pytest.mark.parametrize(
    ("size", "options"), [(0, {}), ((8, 99_999), {}), (8, {"channels": 2}), (8, {"bits": 7})]
)
def test_sizes_that_no_image_has_are_refused(tmp_path: Path, size: Any, options: Any) -> None:
    with pytest.raises(DataError, match="Images"):
        read(photographs(tmp_path, 1), size, tmp_path, **options)


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(StorageError, match="choose another cache folder"):
        read(photographs(tmp_path, 1), 8, tmp_path)


def test_a_damaged_cache_is_told(tmp_path: Path) -> None:
    paths = photographs(tmp_path, 2)
    read(paths, 8, tmp_path).path.write_bytes(b"no array")
    with pytest.raises(StorageError, match="Delete that file"):
        read(paths, 8, tmp_path)


# HDF5 -----------------------------------------------------------------------------------------


def test_images_inside_hdf5_files_are_those_outside(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="reading HDF5 files needs the package h5py")
    paths = photographs(tmp_path, 20, "jpg")
    expected = read(paths, 12, tmp_path).pixels
    packed = tmp_path / "packed.hdf5"
    with h5py.File(packed, "w") as file:
        for path in paths:
            file.create_dataset(path.stem, data=np.void(path.read_bytes()))
    inside = read([packed / path.stem for path in paths], 12, tmp_path, threads=4)
    np.testing.assert_array_equal(inside.pixels, expected)
    rows = tmp_path / "rows.h5"
    with h5py.File(rows, "w") as file:
        file.create_dataset("x", data=expected, chunks=(3, 12, 12, 3))
    found = read([rows / "x" / str(k) for k in range(20)], 12, tmp_path, threads=4)
    np.testing.assert_array_equal(found.pixels, expected)
    with pytest.raises(DataError, match="there is no 'x/20' in the file"):
        read([rows / "x" / "20"], 12, tmp_path)
    with pytest.raises(DataError, match="there is no 'y/1' in the file"):
        read([rows / "y" / "1"], 12, tmp_path)


def test_a_damaged_hdf5_file_is_told(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="reading HDF5 files needs the package h5py")
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n cut off")
    with pytest.raises(DataError, match="damaged or cut off"):
        read([tmp_path / "a.h5" / "x" / "0"], 8, tmp_path)
    with pytest.raises(DataError, match="there is no file for 0"):
        read([tmp_path / "b.h5" / "x" / "0"], 8, tmp_path)


def test_without_h5py_its_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"x")
    with pytest.raises(DataError, match="pip install h5py"):
        read([tmp_path / "a.h5" / "x" / "0"], 8, tmp_path)
