"""Text tables come in chunks as they would come at once; fast and careful reading agree."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import pandas as pd
import pytest

from rarecall.delivery.cells import numbers
from rarecall.delivery.csv_chunks import CsvChunks
from rarecall.errors import DataError

COLUMNS = ["a", "b", "c"]


def read(path, rows, *, careful=False, monkeypatch=None):
    source = CsvChunks(path, rows)
    if careful:
        monkeypatch.setattr(CsvChunks, "_fast", lambda *_: None)
    chunks = list(source.chunks(COLUMNS, ["a"]))
    if careful:
        monkeypatch.undo()
    table = pd.concat([chunk.table.astype(object) for chunk in chunks], ignore_index=True)
    starts = np.cumsum([0, *(len(chunk.table) for chunk in chunks)])
    misfits = {
        int(start) + row: fields
        for start, chunk in zip(starts, chunks, strict=False)
        for row, fields in chunk.misfits.items()
    }
    return table, misfits, len(chunks)


def rows_of(count):
    words = ["plain", 'with "quotes"', "with, comma", "two\nlines", "", "NA", " blank"]
    return [[str(k + 0.25), words[k % 7], str(k)] for k in range(count)]


def write(path, rows, *, newline="\n", header=COLUMNS):
    text = io.StringIO()
    csv.writer(text, lineterminator=newline).writerows([header, *rows])
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wb") as file:
        file.write(text.getvalue().encode())
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_chunks_of_any_size_give_the_same_rows(tmp_path, monkeypatch, name, newline):
    path = write(tmp_path / name, rows_of(3000), newline=newline)
    whole, misfits, _ = read(path, 10**6)
    assert len(whole) == 3000
    assert not misfits
    small, _, pieces = read(path, 50)
    assert pieces > 3
    pd.testing.assert_frame_equal(small, whole)
    careful, _, _ = read(path, 50, careful=True, monkeypatch=monkeypatch)
    np.testing.assert_array_equal(numbers(careful["a"]).values, numbers(whole["a"]).values)
    assert careful["c"].tolist() == whole["c"].tolist() == [str(k) for k in range(3000)]
    assert careful["b"].tolist() == whole["b"].tolist()


def test_a_row_with_more_or_fewer_fields_keeps_its_place(tmp_path):
    rows = rows_of(200)
    rows[7] = ["1", "x", "2", "3"]
    rows[150] = ["1"]
    path = write(tmp_path / "t.csv", rows)
    table, misfits, _ = read(path, 40)
    assert len(table) == 200
    assert misfits == {7: 4, 150: 1}
    assert table["c"][149] == "149"
    assert table["c"][151] == "151"


def test_one_field_too_many_and_one_too_few_do_not_even_out(tmp_path):
    path = write(tmp_path / "t.csv", [["1", "x"], ["2", "x", "y", "z"], ["3", "x", "y"]])
    table, misfits, _ = read(path, 100)
    assert misfits == {0: 2, 1: 4}
    assert len(table) == 3


def test_a_mark_at_the_start_blank_lines_and_a_missing_last_line_end_do_no_harm(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf\n\na,b,c\n1,x,2\n\n3,y,4")
    table, misfits, _ = read(path, 10)
    assert table.to_numpy().tolist() == [[1.0, "x", "2"], [3.0, "y", "4"]]
    assert not misfits


def test_a_file_of_semicolons_may_write_decimal_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c\n1,5;x;2\n2,5;y;3\n")
    source = CsvChunks(path, 10)
    assert source.comma
    (chunk,) = source.chunks(COLUMNS, ["a"])
    assert chunk.table["a"].tolist() == [1.5, 2.5]


def test_words_among_the_numbers_are_kept_for_whoever_tells_them(tmp_path):
    path = write(tmp_path / "t.csv", [["1", "x", "2"], ["many", "y", "3"]])
    table, misfits, _ = read(path, 10)
    assert table["a"].tolist() == ["1", "many"]
    assert not misfits


def test_quotes_within_a_field_are_letters(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "".join(f'{k},5" pipe,{k}\n' for k in range(2000)))
    table, misfits, _ = read(path, 30)
    assert table["c"].tolist() == [str(k) for k in range(2000)]
    assert not misfits


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "empty"),
        (b"a,a,c\n1,2,3\n", "more than one column called 'a'"),
        (b"a,b,c\n1,\xff,3\n", "not UTF-8"),
        (b'a,b,c\n1,"x,3\n4,5,6\n', "quote is opened and not closed"),
    ],
    ids=["nothing", "blank lines", "one name twice", "other bytes", "open quote"],
)
def test_what_is_no_table_is_told(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(CsvChunks(path, 10).chunks(["a", "b", "c"], []))


def test_a_packed_file_that_was_cut_off_is_told(tmp_path):
    path = write(tmp_path / "t.csv.gz", rows_of(5000))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DataError, match="cannot be unpacked"):
        list(CsvChunks(path, 100).chunks(COLUMNS, []))


def test_what_is_done_rises_to_one(tmp_path):
    path = write(tmp_path / "t.csv", rows_of(3000))
    done = [chunk.done for chunk in CsvChunks(path, 50).chunks(COLUMNS, [])]
    assert done == sorted(done)
    assert done[-1] == 1


@pytest.mark.parametrize("odd", ["", "1,2\n"], ids=["fast", "careful"])
def test_bytes_that_are_no_text_matter_only_in_columns_that_are_read(tmp_path, odd):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b,c\n1,x,\xff\n2,y,z\n" + odd.encode())
    (chunk,) = CsvChunks(path, 10).chunks(["a", "b"], ["a"])
    assert chunk.table["b"].tolist()[:2] == ["x", "y"]
    with pytest.raises(DataError, match="not UTF-8"):
        list(CsvChunks(path, 10).chunks(["c"], []))


@pytest.mark.parametrize("rows", [1, 100_000])
def test_a_header_after_many_blank_lines_is_still_the_header(tmp_path, rows):
    path = tmp_path / "t.csv"
    body = "".join(f"{k},x,{k}\n" for k in range(2000))
    path.write_text("\n" * 9000 + "a,b,c\n" + body)
    chunks = list(CsvChunks(path, rows).chunks(["a", "b"], ["a"]))
    found = [value for chunk in chunks for value in chunk.table["a"].tolist()]
    assert found == list(range(2000))


def test_the_first_lines_come_with_those_that_follow(tmp_path):
    path = write(tmp_path / "t.csv", rows_of(5000))
    sizes = [len(chunk.table) for chunk in CsvChunks(path, 2000).chunks(["a"], ["a"])]
    assert sum(sizes) == 5000
    assert sizes[0] > 1500
