from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.data import load, make_split
from rarecall.errors import DataError
from rarecall.roles import Role


def _pixels(seed, shape=(10, 12, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


def _save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    """Give an image folder with six cats and two dogs, 10 x 12 pixels, in colour."""
    for k in range(6):
        _save(tmp_path / "pets" / "cat" / f"{k}.png", _pixels(k))
    for k in range(2):
        _save(tmp_path / "pets" / "dog" / f"{k}.png", _pixels(100 + k))
    return tmp_path / "pets"


def test_a_folder_a_class_becomes_images_with_labels(folder):
    samples = load(folder, critical="dog")
    assert samples.kind == "images"
    assert samples.features.shape == (8, 10, 12, 3)
    assert samples.class_counts == {"cat": 6, "dog": 2}
    assert samples.targets.tolist() == [0] * 6 + [1] * 2
    assert samples.ids[7] == "dog/1.png"
    np.testing.assert_array_equal(samples.features[7], _pixels(101))
    told = samples.summary()
    assert (told["image_size"], told["channels"]) == ([10, 12], 3)
    assert samples.notes == ()


def test_folders_inside_a_class_folder_belong_to_it(folder):
    _save(folder / "dog" / "hospital" / "ward 3" / "x.png", _pixels(7))
    assert load(folder, critical="dog").class_counts == {"cat": 6, "dog": 3}


def test_folders_named_train_and_test_are_the_given_split(tmp_path):
    for part, n in (("train", 40), ("val", 10), ("test", 10)):
        for k in range(n):
            for label in ("cat", "dog"):
                pixels = _pixels([k, len(part), label == "dog"], (4, 4))
                _save(tmp_path / "pets" / part / label / f"{k}.png", pixels)
    samples = load(tmp_path / "pets", critical="dog")
    assert set(samples.given_roles) == {"train", "validation", "test"}
    split = make_split(samples)
    inside = samples.ids[split.positions[Role.TEST]]
    assert len(inside) == 20
    assert all(name.startswith("test/") for name in inside)


def test_other_files_and_hidden_ones_are_passed_over(folder):
    (folder / "cat" / "notes.txt").write_text("x")
    (folder / "cat" / ".thumbnail.png").write_bytes(b"x")
    (folder / ".cache").mkdir()
    samples = load(folder, critical="dog")
    assert len(samples) == 8
    assert samples.notes == ("Passed over 1 file of other kinds.",)


def test_images_of_one_small_size_stay_and_others_are_resized(folder):
    _save(folder / "dog" / "large.png", _pixels(5, (90, 70, 3)))
    samples = load(folder, critical="dog")
    assert samples.features.shape == (9, 64, 64, 3)
    (note,) = samples.notes
    assert "64 x 64 pixels (height x width) from heights of 10 to 90 and widths of 12 to 70" in note
    assert load(folder, critical="dog", image_size=20).features.shape == (9, 20, 20, 3)


def test_large_images_come_down_to_a_size_that_a_processor_can_train_on(tmp_path):
    for name in ("a", "b"):
        _save(tmp_path / "set" / name / "1.png", np.full((200, 200), 77, np.uint8))
    samples = load(tmp_path / "set", critical="b")
    assert samples.features.shape == (2, 64, 64, 1)
    assert (samples.features == 77).all()
    assert "from 200 x 200;" in samples.notes[0]


def test_grey_images_keep_one_channel_also_when_stored_in_colour(tmp_path):
    grey = _pixels(0, (6, 6))
    _save(tmp_path / "set" / "a" / "1.png", grey)
    _save(tmp_path / "set" / "b" / "1.png", np.repeat(grey[..., None], 3, axis=2))
    samples = load(tmp_path / "set", critical="b")
    assert samples.features.shape == (2, 6, 6, 1)
    np.testing.assert_array_equal(samples.features[0], samples.features[1])
    _save(tmp_path / "set" / "b" / "2.png", _pixels(2, (6, 6, 3)))
    samples = load(tmp_path / "set", critical="b")
    assert samples.features.shape == (3, 6, 6, 3)
    np.testing.assert_array_equal(samples.features[0], np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_images_of_any_mode_are_read(tmp_path, mode):
    base = Image.fromarray(_pixels(0, (6, 6)))
    converted = (
        Image.fromarray(_pixels(0, (6, 6)).astype(np.uint16) * 256)
        if mode == "I;16"
        else base.convert(mode)
    )
    ending = "tif" if mode in ("CMYK", "I") else "png"
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        converted.save(tmp_path / "set" / name / f"1.{ending}")
    samples = load(tmp_path / "set", critical="b")
    assert samples.features.shape == (2, 6, 6, 1)
    if mode != "1":
        np.testing.assert_allclose(samples.features[0, ..., 0], _pixels(0, (6, 6)), atol=1)


def test_deep_images_share_one_scale(tmp_path):
    for name, top in (("a", 4095), ("b", 1024)):
        pixels = np.linspace(0, top, 36).reshape(6, 6).astype(np.uint16)
        _save(tmp_path / "set" / name / "1.png", pixels)
    samples = load(tmp_path / "set", critical="b")
    assert samples.features[0].max() == 255
    assert samples.features[1].max() == 64
    assert any("12 bits" in note for note in samples.notes)


def test_an_orientation_tag_is_obeyed(tmp_path):
    upright = np.zeros((8, 16, 3), np.uint8)
    upright[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.rot90(upright)
    _save(tmp_path / "set" / "a" / "1.jpg", np.ascontiguousarray(turned), exif=exif, quality=95)
    _save(tmp_path / "set" / "b" / "1.png", upright)
    samples = load(tmp_path / "set", critical="b")
    assert samples.features.shape[1:3] == (8, 16)
    difference = samples.features[0].astype(int) - samples.features[1].astype(int)
    assert np.abs(difference).max() < 30


def test_unreadable_images_are_named_and_counted(folder):
    (folder / "cat" / "0.png").write_bytes(b"no image")
    whole = (folder / "cat" / "1.png").read_bytes()
    (folder / "cat" / "1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"2 images of 8 .*cat/0\.png .*cat/1\.png.*--skip-unread"):
        load(folder, critical="dog")
    samples = load(folder, critical="dog", skip_unreadable=True)
    assert len(samples) == 6
    assert samples.class_counts == {"cat": 4, "dog": 2}
    assert samples.ids[0] == "cat/2.png"
    np.testing.assert_array_equal(samples.features[0], _pixels(2))
    assert any("Left out 2 images of 8" in note and "cat/0.png" in note for note in samples.notes)


def test_skipping_does_not_hide_that_nothing_can_be_read(folder):
    for path in folder.rglob("*.png"):
        path.write_bytes(b"x")
    with pytest.raises(DataError, match="8 images of 8"):
        load(folder, critical="dog", skip_unreadable=True)


def test_a_folder_without_class_folders_or_images_is_refused(tmp_path):
    with pytest.raises(DataError, match="it has no folders"):
        load(tmp_path, critical="dog")
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="hold no images"):
        load(tmp_path, critical="dog")


def test_a_folder_has_no_columns_to_name(folder):
    with pytest.raises(DataError, match=r"'group'.*table with the columns path and label"):
        load(folder, critical="dog", group="patient")


def test_an_absent_class_is_refused_before_anything_is_decoded(folder):
    (folder / "cat" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="Did you mean 'dog'"):
        load(folder, critical="dogs")
    for path in (folder / "dog").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="Two classes"):
        load(folder, critical="cat")


def _manifest(folder, **columns):
    names = [f"pets/cat/{k}.png" for k in range(6)] + [f"pets/dog/{k}.png" for k in range(2)]
    frame = pd.DataFrame({"path": names, "label": ["cat"] * 6 + ["dog"] * 2, **columns})
    path = folder.parent / "list.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_manifest_gives_the_same_images_as_the_folder(folder):
    samples = load(_manifest(folder), critical="dog")
    assert np.array_equal(samples.features, load(folder, critical="dog").features)
    assert samples.ids[0] == "pets/cat/0.png"
    assert samples.target_name == "label"


def test_a_manifest_brings_groups_times_ids_and_a_split(folder):
    path = _manifest(
        folder,
        patient=list("aabbccdd"),
        taken=pd.date_range("2024-01-01", periods=8).astype(str),
        key=range(10, 18),
        part=["train"] * 7 + ["test"],
    )
    samples = load(
        path,
        target="label",
        critical="dog",
        group="patient",
        time="taken",
        id="key",
        split_column="part",
    )
    assert samples.groups.tolist() == list("aabbccdd")
    assert samples.ids.tolist() == [str(k) for k in range(10, 18)]
    assert samples.given_roles[-1] == "test"
    assert samples.times.dtype.kind == "M"


def test_a_manifest_may_name_its_paths_otherwise_when_images_are_asked_for(folder):
    path = _manifest(folder)
    path.write_text(path.read_text().replace("path,", "where,"))
    assert load(path, target="label", critical="dog", kind="images").kind == "images"


def test_a_table_of_paths_can_be_forced_to_be_a_table(folder):
    samples = load(
        _manifest(folder, x=[1.5, 2.5] * 4), target="label", critical="dog", kind="table"
    )
    assert samples.kind == "table"
    assert list(samples.features) == ["x"]


def test_an_image_that_is_not_there_counts_as_unreadable(folder):
    (folder / "cat" / "3.png").unlink()
    path = _manifest(folder)
    with pytest.raises(DataError, match=r"1 image of 8 .*cat/3\.png \(there is no such file\)"):
        load(path, critical="dog")
    assert len(load(path, critical="dog", skip_unreadable=True)) == 7


def test_a_manifest_with_holes_repeats_or_no_label_column_is_refused(folder):
    path = _manifest(folder)
    text = path.read_text()
    path.write_text(text.replace("pets/cat/1.png,", ","))
    with pytest.raises(DataError, match="'path' is empty in 1 row of 8"):
        load(path, critical="dog")
    path.write_text(text.replace("cat/1.png", "cat/0.png"))
    with pytest.raises(DataError, match=r"1 id stands for more than one sample: 'pets/cat/0\.png'"):
        load(path, critical="dog")
    path.write_text(text.replace("label", "animal"))
    with pytest.raises(DataError, match="'animal'"):
        load(path, critical="dog")
    path.write_text(text)
    with pytest.raises(DataError, match="'lbel' is not in list"):
        load(path, target="lbel", critical="dog")


def test_repeated_images_are_noted(folder):
    _save(folder / "dog" / "copy.png", _pixels(3))
    notes = load(folder, critical="dog").notes
    assert any("1 image (11.1%) repeats an earlier one" in note for note in notes)
    assert any("2 images have equals with the other label" in note for note in notes)


def test_digits_are_images_in_full_contrast():
    samples = load("digits")
    assert samples.kind == "images"
    assert samples.features.shape == (1797, 8, 8, 1)
    assert samples.features.dtype == np.uint8
    assert samples.features.max() == 255
    assert (samples.critical, samples.positives) == ("8", 174)
    assert load("digits", critical=3).positives == 183
    assert load("digits", image_size=16).features.shape == (1797, 16, 16, 1)
