"""Predictions: a row for each row, in order, each by itself, with what is wrong named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rarecall.data import load
from rarecall.delivery import Delivered, predict
from rarecall.errors import ConfigurationError, DataError, Interrupted, RunError, StorageError

from .problem import draw_images, make_frame, write


def read(path):
    return pd.read_csv(path, keep_default_na=False, dtype=str)


def scores_of(path):
    return pd.to_numeric(read(path)["score"], errors="coerce").to_numpy()


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_portions_of_any_size_give_the_models_own_scores(model, table, samples, tmp_path, rows):
    found = predict(model, table, tmp_path / "p.csv", rows=rows)
    np.testing.assert_array_equal(scores_of(tmp_path / "p.csv"), model.score(samples))
    assert (found.rows, found.unscored, found.remarked) == (600, 0, 0)
    assert found.flagged == {"fraud": int(model.flag(samples).sum())}


def test_the_columns_say_score_probability_and_decision(model, table, samples, tmp_path):
    predict(model, table, tmp_path / "p.csv")
    got = read(tmp_path / "p.csv")
    assert list(got) == ["id", "score", "probability", "decision", "problem"]
    assert got["id"].tolist() == [str(k) for k in range(600)]
    flags = model.flag(samples)
    assert got["decision"].tolist() == np.where(flags, "fraud", "fine").tolist()
    np.testing.assert_array_equal(got["probability"].astype(float), model.probability(samples))


def test_order_and_other_columns_and_formats_make_no_difference(model, frame, table, tmp_path):
    predict(model, table, tmp_path / "p.csv")
    expected = scores_of(tmp_path / "p.csv")
    order = np.random.default_rng(0).permutation(len(frame))
    other = frame.iloc[order][frame.columns[::-1]].assign(more=1)
    other["day"] = pd.to_datetime(other["day"])
    other.to_parquet(tmp_path / "o.parquet", index=False)
    frame.to_csv(tmp_path / "o.tsv.gz", sep="\t", index=False)
    frame.to_csv(tmp_path / "o.csv", sep=";", decimal=",", index=False)
    for name, rows in (("o.parquet", order), ("o.tsv.gz", slice(None)), ("o.csv", slice(None))):
        found = predict(model, tmp_path / name, tmp_path / "q.csv", rows=90, overwrite=True)
        np.testing.assert_array_equal(scores_of(tmp_path / "q.csv"), expected[rows])
        assert any("not needed" in note for note in found.notes)


def test_parquet_out_holds_the_same(model, table, tmp_path):
    predict(model, table, tmp_path / "p.csv", keep=["place"])
    predict(model, table, tmp_path / "p.parquet", keep=["place"], rows=100)
    predict(model, table, tmp_path / "p.csv.gz", keep=["place"])
    text, typed = read(tmp_path / "p.csv"), pd.read_parquet(tmp_path / "p.parquet")
    assert (
        list(typed) == list(text) == ["id", "place", "score", "probability", "decision", "problem"]
    )
    np.testing.assert_array_equal(typed["score"], text["score"].astype(float))
    assert typed["decision"].tolist() == text["decision"].tolist()
    pd.testing.assert_frame_equal(read(tmp_path / "p.csv.gz"), text)


BROKEN = {
    "words in a number": ({"amount": "lots"}, False, "amount: 'lots' is no number"),
    "an unreadable day": ({"day": "03/04/2024"}, False, "day: '03/04/2024' is no date"),
    "a new category": ({"place": "west"}, True, "place: 'west' is no category"),
    "an unusual gap": ({"age": ""}, True, "age: missing, which it never was in training"),
    "a usual gap": ({"gap": ""}, True, ""),
    "nothing at all": (dict.fromkeys(make_frame(4), ""), False, "every value is missing"),
}


@pytest.mark.parametrize("case", BROKEN, ids=list(BROKEN))
def test_what_is_wrong_with_a_row_is_named_and_moves_no_other(model, frame, table, tmp_path, case):
    change, scored, problem = BROKEN[case]
    text = frame.astype(object).where(frame.notna(), "")
    for name, value in change.items():
        text.loc[41, name] = value
    text.to_csv(tmp_path / "d.csv", index=False)
    predict(model, table, tmp_path / "clean.csv")
    found = predict(model, tmp_path / "d.csv", tmp_path / "p.csv", rows=100)
    got, clean = read(tmp_path / "p.csv"), read(tmp_path / "clean.csv")
    assert len(got) == 600
    pd.testing.assert_frame_equal(got.drop(41), clean.drop(41))
    assert got["problem"][41].startswith(problem)
    assert bool(problem) == bool(got["problem"][41])
    assert [got[name][41] != "" for name in ("score", "probability", "decision")] == [scored] * 3
    assert found.unscored == (not scored)
    assert found.remarked == (scored and bool(problem))


def test_rows_with_other_numbers_of_fields_are_kept(model, table, tmp_path):
    lines = table.read_text().splitlines()
    lines[5] += ",7"
    lines[9] = "1,2"
    (tmp_path / "d.csv").write_text("\n".join(lines))
    found = predict(model, tmp_path / "d.csv", tmp_path / "p.csv")
    got = read(tmp_path / "p.csv")
    assert found.rows == 600
    assert got["problem"][4] == "7 fields where the header has 6"
    assert got["problem"][8] == "2 fields where the header has 6"
    assert found.unscored == 2
    assert "let somebody look at them" in " ".join(found.lines())


def test_a_file_of_which_no_row_can_be_scored_is_still_answered(model, frame, tmp_path):
    few = frame.head(3).assign(amount="?")
    few.to_csv(tmp_path / "d.csv", index=False)
    found = predict(model, tmp_path / "d.csv", tmp_path / "p.csv")
    assert (found.rows, found.unscored, found.flagged) == (3, 3, {"fraud": 0})
    assert (read(tmp_path / "p.csv")["score"] == "").all()


def test_ids_and_kept_columns_come_as_they_were(model, frame, tmp_path):
    named = frame.assign(account=[f"{k:04d}" for k in range(len(frame))], note="NA")
    named.to_csv(tmp_path / "d.csv", index=False)
    predict(model, tmp_path / "d.csv", tmp_path / "p.csv", id="account", keep=["note", "amount"])
    got = read(tmp_path / "p.csv")
    assert got["id"][7] == "0007"
    assert got["note"][7] == "NA"
    assert got["amount"].tolist() == named["amount"].astype(str).tolist()


# Refusals: nothing is written --------------------------------------------------------------------


def refused(model, frame, tmp_path, error, message, **options):
    frame.to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(error, match=message):
        predict(model, tmp_path / "d.csv", tmp_path / "p.csv", **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.csv"]


def test_a_missing_column_is_named_with_what_may_be_meant(model, frame, tmp_path):
    renamed = frame.rename(columns={"amount": "ammount"})
    refused(model, renamed, tmp_path, DataError, "'amount'.* Did you mean 'ammount'")


def test_a_column_that_holds_something_else_is_refused_before_anything_is_written(
    model, frame, tmp_path
):
    refused(model, frame.assign(age="old"), tmp_path, DataError, "'age' held numbers.*'old'")
    dotted = frame.assign(day="03/04/2024")
    refused(model, dotted, tmp_path, DataError, "'day' held dates.*one way only")


def test_a_few_long_rows_at_once_do_not_hide_what_a_column_holds(
    model, frame, tmp_path, monkeypatch
):
    monkeypatch.setattr("rarecall.delivery.csv_chunks._SMALLEST", 128)
    old = frame.assign(age="old")
    refused(model, old, tmp_path, DataError, "600 of its first 600 values", rows=3)


@pytest.mark.parametrize("careful", [False, True])
def test_a_late_fault_leaves_no_half_file(model, frame, tmp_path, careful):
    frame.assign(place=frame["place"].mask(frame.index == 590, "s\xf6")).to_csv(
        tmp_path / "d.csv", index=False, encoding="latin-1"
    )
    if careful:
        text = (tmp_path / "d.csv").read_bytes()
        (tmp_path / "d.csv").write_bytes(text + b"1,2\n")
    with pytest.raises(DataError, match="not UTF-8"):
        predict(model, tmp_path / "d.csv", tmp_path / "p.csv", rows=50)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.csv"]


def test_a_stop_leaves_no_half_file(model, frame, tmp_path):
    asked = iter([False, True])
    refused(
        model, frame, tmp_path, Interrupted, "not written", rows=90, should_stop=lambda: next(asked)
    )


def test_a_full_disk_is_told_and_leaves_no_half_file(model, frame, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rarecall.delivery.prediction_files._Text.write", full)
    refused(model, frame, tmp_path, StorageError, "No space left")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"id": "acount"}, DataError, "no column 'acount'"),
        ({"keep": ["nothing"]}, DataError, "no column 'nothing'"),
        ({"rows": 0}, ConfigurationError, "1 or more"),
        ({"threads": 0}, ConfigurationError, "1 or more"),
    ],
)
def test_options_that_cannot_be_used_are_told(model, frame, tmp_path, options, error, message):
    refused(model, frame, tmp_path, error, message, **options)


def test_a_kept_column_named_like_an_answer_is_refused(model, frame, tmp_path):
    named = frame.assign(score=1)
    refused(model, named, tmp_path, ConfigurationError, "'score' cannot be kept", keep=["score"])


def test_nothing_is_overwritten_unasked(model, table, tmp_path):
    (tmp_path / "p.csv").write_text("mine")
    with pytest.raises(ConfigurationError, match="--overwrite"):
        predict(model, table, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == "mine"
    predict(model, table, tmp_path / "p.csv", overwrite=True)
    with pytest.raises(ConfigurationError, match="ends otherwise"):
        predict(model, table, tmp_path / "p.xlsx")


def test_what_is_no_data_is_told(model, image_model, image_folder, table, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("amount,age,gap,place,day\n")
    (tmp_path / "note.docx").write_text("x")
    for name, message in [
        ("empty.csv", "is empty"),
        ("header.csv", "no rows"),
        ("note.docx", "no known kind"),
        ("nowhere.csv", "There is no file"),
    ]:
        with pytest.raises(DataError, match=message):
            predict(model, tmp_path / name, tmp_path / "p.csv")
    with pytest.raises(DataError, match="takes a table"):
        predict(model, image_folder, tmp_path / "p.csv")
    with pytest.raises(DataError, match="paths of image files"):
        predict(image_model, table, tmp_path / "p.csv")
    with pytest.raises(RunError, match="holds no model"):
        predict(tmp_path, table, tmp_path / "p.csv")


# Images -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_a_folder_of_images_is_scored_by_path(
    image_model, image_folder, image_samples, tmp_path, rows
):
    predict(image_model, image_folder, tmp_path / "p.csv", rows=rows)
    got = read(tmp_path / "p.csv")
    own = dict(zip(image_samples.ids, image_model.score(image_samples), strict=True))
    assert got["id"].tolist() == sorted(own)
    np.testing.assert_array_equal(got["score"].astype(float), [own[name] for name in got["id"]])


def test_an_image_of_no_bytes_among_many_is_named_and_none_is_lost(image_model, tmp_path):
    folder = draw_images(tmp_path / "new", 40)
    (folder / "well" / "001.png").write_bytes(b"")
    (folder / "notes.txt").write_text("x")
    from PIL import Image

    Image.new("RGB", (12, 12), (250, 0, 0)).save(folder / "ill" / "000.png")
    Image.fromarray(np.full((12, 12), 4000, dtype=np.uint16)).save(folder / "ill" / "003.png")
    found = predict(image_model, folder, tmp_path / "p.csv")
    got = read(tmp_path / "p.csv").set_index("id")
    assert (found.rows, found.unscored) == (40, 3)
    assert "its file is empty" in got["problem"]["well/001.png"]
    assert "colours" in got["problem"]["ill/000.png"]
    assert "12 bits" in got["problem"]["ill/003.png"]
    assert found.notes == ["Passed over 1 file of other kinds."]


def test_a_table_of_image_paths_is_scored_row_by_row(image_model, image_folder, tmp_path):
    paths = ["ill/000.png", "well/001.png", "", "gone.png", "ill/000.png"]
    frame = pd.DataFrame({"path": paths, "ward": list("abcde")})
    frame.to_csv(image_folder / "new.csv", index=False)
    try:
        found = predict(image_model, image_folder / "new.csv", tmp_path / "p.csv", keep=["ward"])
    finally:
        (image_folder / "new.csv").unlink()
    got = read(tmp_path / "p.csv")
    assert got["ward"].tolist() == list("abcde")
    assert (found.rows, found.unscored) == (5, 2)
    assert got["problem"][2] == "no image is named"
    assert "there is no such file" in got["problem"][3]
    assert got["score"][0] == got["score"][4] != ""


def test_deep_images_come_down_as_in_training(tmp_path):
    from PIL import Image

    random = np.random.default_rng(0)
    for k in range(60):
        path = tmp_path / "deep" / ("ill" if k % 3 == 0 else "well") / f"{k:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 4095, (9, 9)).astype(np.uint16)
        Image.fromarray(pixels).save(path)
    samples = load(tmp_path / "deep", critical="ill")
    folder = write(tmp_path / "model", samples, options={"widths": [4]})
    model = Delivered.load(folder)
    # Darker than any of the training, so that a scale of its own would be another one.
    one = tmp_path / "new"
    one.mkdir()
    Image.fromarray(np.full((9, 9), 200, dtype=np.uint16)).save(one / "dark.png")
    first = sorted((tmp_path / "deep").rglob("*.png"))[0]
    (one / "first.png").write_bytes(first.read_bytes())
    predict(model, one, tmp_path / "p.csv")
    got = read(tmp_path / "p.csv").set_index("id")["score"].astype(float)
    own = dict(zip(samples.ids, model.score(samples), strict=True))
    assert got["first.png"] == own[first.relative_to(tmp_path / "deep").as_posix()]
    assert model.preprocessor.bits == 12


def test_images_with_patient_data_need_both(tmp_path):
    folder = draw_images(tmp_path / "images", 60)
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
    random = np.random.default_rng(0)
    table = pd.DataFrame({
        "path": names,
        "age": random.integers(20, 80, 60),
        "label": [name.split("/")[0] for name in names],
    })  # fmt: skip
    table.to_csv(folder / "all.csv", index=False)
    samples = load(folder / "all.csv", target="label", critical="ill", metadata=["age"])
    model = Delivered.load(write(tmp_path / "model", samples, options={"image": {"widths": [4]}}))
    predict(model, folder / "all.csv", tmp_path / "p.csv", rows=13)
    np.testing.assert_array_equal(scores_of(tmp_path / "p.csv"), model.score(samples))
    table.drop(columns="age").to_csv(folder / "less.csv", index=False)
    with pytest.raises(DataError, match="'age'"):
        predict(model, folder / "less.csv", tmp_path / "q.csv")
    with pytest.raises(DataError, match="table of image paths"):
        predict(model, folder, tmp_path / "q.csv")


# Several classes or labels ------------------------------------------------------------------------


def test_classes_have_columns_of_their_own_and_an_assignment(several_folder, digits, tmp_path):
    from PIL import Image

    model = Delivered.load(several_folder)
    (tmp_path / "d").mkdir()
    pixels = digits.features[:30, ..., 0]
    for k, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "d" / f"{k:02d}.png")
    found = predict(model, tmp_path / "d", tmp_path / "p.csv")
    got = read(tmp_path / "p.csv")
    assert list(got) == [
        "id", "score 8", "probability 8", "flag 8", "score 9", "probability 9", "flag 9",
        "decision", "problem",
    ]  # fmt: skip
    part = digits.take(np.arange(30))
    np.testing.assert_array_equal(got["score 9"].astype(float), model.score(part)[:, 9])
    flags = model.flag(part)
    assert (got["flag 8"] == "yes").tolist() == flags[:, 0].tolist()
    assert got["decision"].tolist() == model.assign(part).tolist()
    assert found.flagged == {"8": int(flags[:, 0].sum()), "9": int(flags[:, 1].sum())}


def test_labels_are_told_by_name(tmp_path):
    frame = make_frame(300)
    random = np.random.default_rng(3)
    frame["late"], frame["loss"] = random.integers(0, 2, 300), random.integers(0, 2, 300)
    frame.drop(columns="label").to_csv(tmp_path / "d.csv", index=False)
    samples = load(tmp_path / "d.csv", target=["late", "loss"])
    model = Delivered.load(write(tmp_path / "model", samples, options={"width": 8}))
    predict(model, tmp_path / "d.csv", tmp_path / "p.csv")
    got, flags = read(tmp_path / "p.csv"), model.flag(samples)
    words = {(True, True): "late; loss", (True, False): "late", (False, True): "loss"}
    expected = [words.get(tuple(row), "none") for row in flags.tolist()]
    assert got["decision"].tolist() == expected
