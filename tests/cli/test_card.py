"""``rarecall card`` as typed."""

from __future__ import annotations

import json

import pytest

from rarecall.delivery import Delivered


def test_the_card_says_what_is_known_and_leaves_the_use_open(say, delivered, tmp_path):
    code, out, err = say("card", delivered)
    assert (code, err) == (0, "")
    assert "yours to fill in" in out
    text = (tmp_path / "model-card.md").read_text(encoding="utf-8")
    model = Delivered.load(delivered)
    assert "To be filled in by whoever puts the model to use" in text
    assert model.fingerprint in text
    assert model.manifest.data["fingerprint"] in text
    assert repr(model.threshold) in text
    assert model.certificate.statement in text
    for assumption in model.certificate.assumptions:
        assert assumption.split("(")[0][:60] in text
    assert "TPR at the threshold" in text
    assert "TableMLP" in text
    assert "the same to the last bit; decisions changed: 0" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Intended use",
        "## The model",
        "## Data",
        "## Operating point",
        "## Limits",
        "## Versions",
    ]


def test_the_facts_come_as_values(say, delivered, tmp_path):
    assert say("card", delivered, "-o", "facts.json")[0] == 0
    facts = json.loads((tmp_path / "facts.json").read_text())
    (one,) = facts["classes"]
    assert one["threshold"] == Delivered.load(delivered).threshold
    assert one["promise"]["positives"] >= 1
    assert 0 <= one["at_threshold"]["tpr"]["value"] <= 1
    assert facts["model"]["network"]["weights"] > 0
    assert facts["data"]["inputs"] == ["amount", "age", "place"]


def test_what_somebody_filled_in_is_kept(say, delivered, tmp_path):
    (tmp_path / "model-card.md").write_text("filled in")
    code, _, err = say("card", delivered)
    assert code == 2
    assert "--overwrite" in err
    assert (tmp_path / "model-card.md").read_text() == "filled in"
    assert say("card", delivered, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nowhere"], 4, "holds no model"),
        (["nowhere", "-o", "card.pdf"], 2, "written as .md or .json"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(say, tmp_path, words, code, message):
    left, _, err = say("card", *words)
    assert left == code
    assert message in err
    assert not list(tmp_path.iterdir())
