"""The certificate as a file: whole, checked, tied to its model, and executing nothing."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from rarecall.errors import RunError
from rarecall.roles import CalibrationScores
from rarecall.thresholds import Certificate, certify
from rarecall.thresholds.certificate_fields import seal


def made(**options):
    rng = np.random.default_rng(0)
    targets = np.repeat([1, 0], [100, 400])
    ids = np.array([f"cal-{at}" for at in range(500)])
    data = CalibrationScores(rng.normal(4.0 * targets), targets, ids)
    return certify(data, **{"tpr": 0.95, "model": "net-1", **options})


ONE = made()
KINDS = {
    "tpr": {},
    "fpr": {"tpr": None, "fpr": 0.1},
    "both": {"fpr": 0.1},
    "average": {"kind": "average"},
    "none": {"tpr": 0.99},
    "unnamed": {"model": None, "score_name": "risque élevé"},
}


def changed(path, value, *, sealed=True):
    """Give the certificate as JSON with one value replaced, sealed again as a forger would."""
    content = copy.deepcopy(ONE.to_json())
    inner = content
    for step in path[:-1]:
        inner = inner[step]
    if value is KeyError:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    if sealed and path != ["seal"]:
        content.pop("seal")
        content["seal"] = seal(content)
    return content


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_a_saved_certificate_is_read_back_as_it_was(tmp_path, options):
    certificate = made(**options)
    certificate.save(tmp_path / "deep" / "certificate.json")
    again = Certificate.load(tmp_path / "deep" / "certificate.json")
    assert again == certificate
    assert again.seal == certificate.seal
    assert again.threshold.hex() == certificate.threshold.hex()


def test_the_json_form_is_plain_and_named_by_its_fields():
    stored = json.loads(json.dumps(ONE.to_json(), allow_nan=False))
    assert Certificate.from_json(stored) == ONE
    assert set(stored) == {*Certificate.__dataclass_fields__, "seal"}
    assert stored["format"] == 1


def test_other_spacing_and_order_leave_the_certificate_valid():
    stored = ONE.to_json()
    turned = dict(reversed(stored.items()))
    assert Certificate.from_json(json.loads(json.dumps(turned, indent=7))) == ONE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["threshold"], 0.0),
        (["statement"], "All is well."),
        (["promises", 0, "bound"], 0.99),
        (["promises", 0, "kind"], "average"),
        (["assumptions", 0], "None."),
        (["model_fingerprint"], "net-2"),
        (["data_fingerprint"], "0" * 64),
        (["reference", "scores", 0], -99.0),
        (["created"], "2020-01-01T00:00:00+00:00"),
        (["seal"], "0" * 64),
    ],
)
def test_an_edited_certificate_is_refused(path, value):
    with pytest.raises(RunError, match="changed after it was issued"):
        Certificate.from_json(changed(path, value, sealed=False))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["threshold"], KeyError, "'threshold' is missing"),
        (["threshold"], "0.5", "finite decimal number"),
        (["threshold"], 1, "finite decimal number"),
        (["threshold"], True, "finite decimal number"),
        (["threshold"], None, "finite decimal number"),
        (["promises"], [], "list of 1 to 2"),
        (["promises"], {}, "list of 1 to 2"),
        (["promises"], [1], "must be a mapping"),
        (["promises", 0, "bound"], 1.5, "above 0 and below 1"),
        (["promises", 0, "rate"], "ppv", "one of tpr, fpr"),
        (["promises", 0, "kind"], "sure", "one of guaranteed"),
        (["promises", 0, "unit"], None, "must be a text"),
        (["promises", 0, "n"], 10.0, "whole number"),
        (["promises", 0, "n"], -1, "whole number"),
        (["promises", 0, "rank"], True, "whole number"),
        (["promises", 0, "confidence"], KeyError, "'confidence' is missing"),
        (["promises", 0, "more"], 1, "unknown field 'more'"),
        (["assumptions"], "trust me", "list"),
        (["assumptions"], [3], "must be a text"),
        (["statement"], None, "must be a text"),
        (["data_fingerprint"], "abc", "64 hexadecimal"),
        (["model_fingerprint"], 3, "must be a text"),
        (["created"], "yesterday", "ISO 8601"),
        (["reference"], None, "must be a mapping"),
        (["reference", "scores"], [], "list of 1 to 2001"),
        (["reference", "scores"], [2.0, 1.0], "sorted"),
        (["reference", "scores"], ["1.0"], "finite decimal number"),
        (["reference", "n"], KeyError, "'n' is missing"),
        (["reference", "run"], "rm -rf", "unknown field 'run'"),
        (["prevalence"], 0.0, "above 0 and below 1"),
        (["extra"], 1, "unknown field 'extra'"),
        (["seal"], None, "must be a text"),
    ],
)
def test_a_missing_unknown_or_mistyped_field_is_named(path, value, said):
    with pytest.raises(RunError, match=said):
        Certificate.from_json(changed(path, value))


def test_a_newer_format_asks_for_an_update_and_an_unknown_one_is_refused():
    with pytest.raises(RunError, match="Update rarecall"):
        Certificate.from_json(changed(["format"], 2))
    for odd in (0, "1", None, 1.0, True):
        with pytest.raises(RunError, match="this version reads 1"):
            Certificate.from_json(changed(["format"], odd))


@pytest.mark.parametrize("thing", [None, [], "text", 3, {}, {"promises": []}, {"seal": ""}])
def test_something_else_is_no_certificate(thing):
    with pytest.raises(RunError, match="not a certificate"):
        Certificate.from_json(thing)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"promises": NaN, "seal": ""}',
        b'{"promises": [' + b"9" * 5000 + b"]}",
        b"\x80\x04\x95cos\nsystem\n.",
    ],
    ids=["empty", "cut off", "no text", "deep", "nan", "huge number", "pickle"],
)
def test_a_file_that_is_no_json_is_refused(tmp_path, raw):
    (tmp_path / "c.json").write_bytes(raw)
    with pytest.raises(RunError, match=r"c\.json is not a certificate"):
        Certificate.load(tmp_path / "c.json")


def test_a_certificate_cut_off_anywhere_is_refused(tmp_path):
    ONE.save(tmp_path / "c.json")
    raw = (tmp_path / "c.json").read_bytes()
    for share in (0.01, 0.3, 0.9, 0.999):
        (tmp_path / "c.json").write_bytes(raw[: int(len(raw) * share)])
        with pytest.raises(RunError, match="not a certificate"):
            Certificate.load(tmp_path / "c.json")


def test_a_missing_folder_like_or_oversized_file_is_refused(tmp_path):
    with pytest.raises(RunError, match="Cannot read"):
        Certificate.load(tmp_path / "none.json")
    with pytest.raises(RunError, match="Cannot read"):
        Certificate.load(tmp_path)
    (tmp_path / "big.json").write_bytes(b" " * (5 * 2**20))
    with pytest.raises(RunError, match="larger than any certificate"):
        Certificate.load(tmp_path / "big.json")


def test_it_is_refused_for_another_model():
    ONE.check_model("net-1")
    with pytest.raises(RunError, match="'net-1', not for 'net-2'"):
        ONE.check_model("net-2")
    with pytest.raises(RunError, match="names no model"):
        made(model=None).check_model("net-1")


def test_an_unnamed_certificate_can_be_tied_to_a_model_once():
    tied = made(model=None).for_model("net-1")
    tied.check_model("net-1")
    assert Certificate.from_json(tied.to_json()) == tied
    assert tied.for_model("net-1") == tied
    with pytest.raises(RunError, match="promises nothing"):
        tied.for_model("net-2")


def test_the_largest_certificate_is_far_below_what_is_read(tmp_path):
    rng = np.random.default_rng(0)
    targets = np.repeat([1, 0], [5000, 5000])
    data = CalibrationScores(
        rng.normal(size=10_000) * 1e-300, targets, np.arange(10_000).astype(str)
    )
    certify(data, tpr=0.95).save(tmp_path / "c.json")
    assert (tmp_path / "c.json").stat().st_size < 200_000
    assert Certificate.load(tmp_path / "c.json").reference["n"] == 10_000
