"""Ensembles of several networks a seed, from training to the delivered model."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.comparison import compare
from rarecall.data import load
from rarecall.errors import Interrupted
from rarecall.roles import Role


@pytest.fixture(scope="module")
def found(table, common, tmp_path_factory):
    options = {**common, "methods": "bce+alm,bce>auc-margin", "members": 2, "trees": False}
    return compare(table, out=tmp_path_factory.mktemp("members") / "run", **options)


def test_the_model_holds_every_member_of_every_seed_and_scores_as_the_run_did(found, table, common):
    model = found.model()
    assert len(model.members) == 4
    samples = load(table, target="label", critical="fraud", drop=["account"])
    scored = dict(zip(samples.ids, model.score(samples), strict=True))
    (best,) = [m for m in found.results["methods"] if m["name"] == found.winner]
    stored = np.load(found.folder / best["scores"])
    again = [scored[name] for name in stored["test_ids"]]
    np.testing.assert_array_equal(again, stored["test_scores"])


def test_the_members_of_a_seed_differ(found):
    folder = found.folder / "units" / "bce_alm" / "seed-0"
    first, second = (folder / f"weights-{k}.safetensors" for k in range(2))
    assert first.read_bytes() != second.read_bytes()


def test_the_record_says_how_many_members_there_were(found):
    assert found.results["question"]["members"] == 2
    assert found.results["question"]["redraw"] is False


@pytest.mark.parametrize("options", [{}, {"redraw": True}], ids=["same data", "re-drawn"])
def test_a_stopped_ensemble_goes_on_as_if_undisturbed(table, budget, tmp_path, options):
    budget |= {"methods": "bce+alm", "members": 3, "seeds": 1, "trees": False, **options}
    whole = compare(table, out=tmp_path / "whole", **budget)
    asked = iter(range(10_000))
    with pytest.raises(Interrupted):
        compare(table, out=tmp_path / "run", should_stop=lambda: next(asked) > 12, **budget)
    resumed = compare(out=tmp_path / "run", resume=True)
    for name in ("weights-0", "weights-2"):
        path = f"units/bce_alm/seed-0/{name}.safetensors"
        assert (resumed.folder / path).read_bytes() == (whole.folder / path).read_bytes()
    scores = [np.load(run.folder / "scores/bce_alm.npz") for run in (whole, resumed)]
    assert not list(resumed.folder.rglob("checkpoint*"))
    for role in (Role.VALIDATION, Role.TEST):
        np.testing.assert_array_equal(*[part[f"{role}_scores"] for part in scores])
