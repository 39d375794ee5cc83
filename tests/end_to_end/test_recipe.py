"""The recommended recipe among other methods, from the name to the delivered model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.cli import main
from rarecall.comparison import compare
from rarecall.data import load
from rarecall.delivery import Delivered
from rarecall.errors import ConfigurationError
from rarecall.recipes import find_recipe


def code_of(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


@pytest.fixture(scope="module")
def of_a_table(table, common, tmp_path_factory):
    options = {**common, "methods": "recommended", "trees": False, "seeds": 1}
    return compare(table, out=tmp_path_factory.mktemp("recipe") / "run", **options)


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Bright images are critical; each is darker on its left."""
    folder = tmp_path_factory.mktemp("scans")
    random = np.random.default_rng(2)
    rows = []
    for k in range(120):
        ill = k % 4 == 0
        pixels = random.integers(0, 130 + 100 * ill, (16, 16), dtype=np.uint8)
        pixels[:, :8] //= 2
        Image.fromarray(pixels).save(folder / f"{k}.png")
        rows.append({"path": f"{k}.png", "label": "ill" if ill else "well"})
    path = folder / "scans.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def budget_of_images():
    return {
        "target": "label",
        "critical": "ill",
        "tpr": 0.8,
        "seeds": 1,
        "steps": 6,
        "evaluate_every": 2,
        "batch_size": 16,
        "members": 2,
        "threads": 1,
        "network_options": {"widths": [4, 8, 8]},
        "shares": {"train": 0.4, "validation": 0.2, "calibration": 0.2, "test": 0.2},
    }


def test_of_a_table_it_is_an_ensemble_and_is_delivered_under_its_methods_name(of_a_table):
    recipe = find_recipe("recommended", {"kind": "table"})
    (told,) = of_a_table.results["methods"]
    assert told["name"] == "recommended" == of_a_table.winner
    assert recipe.told() in told["remarks"][0]
    assert f"averages {recipe.members} networks a seed, the other methods 1" in told["remarks"][1]
    model = of_a_table.model()
    assert len(model.members) == recipe.members > 1
    assert model.manifest.method == recipe.method
    assert recipe.told() in of_a_table.report.read_text(encoding="utf-8")


def test_it_has_as_many_networks_as_asked_and_other_methods_do_not_change(
    scans, budget_of_images, tmp_path
):
    both = compare(scans, methods="recommended,bce", out=tmp_path / "both", **budget_of_images)
    alone = compare(scans, methods="bce", out=tmp_path / "alone", **budget_of_images)
    recipe = find_recipe("recommended", {"kind": "images", "size": [16, 16]})
    own = list((both.folder / "units/recommended/seed-0").glob("weights-*.safetensors"))
    assert len(own) == max(2, recipe.members)
    for number in range(2):
        path = f"units/bce/seed-0/weights-{number}.safetensors"
        assert (both.folder / path).read_bytes() == (alone.folder / path).read_bytes()


def test_its_views_are_scored_and_delivered(scans, budget_of_images, tmp_path):
    found = compare(scans, methods="recommended", out=tmp_path / "run", **budget_of_images)
    model = Delivered.load(found.model_folder)
    assert model.manifest.tta == "flip"
    stored = np.load(found.folder / "scores" / "recommended.npz")
    samples = load(scans, target="label", critical="ill")
    scored = dict(zip(samples.ids, model.score(samples), strict=True))
    again = [scored[name] for name in stored["test_ids"]]
    np.testing.assert_array_equal(again, stored["test_scores"])


def test_what_is_asked_for_goes_before_what_the_recipe_says(table, common, tmp_path):
    options = {**common, "methods": "recommended", "trees": False, "seeds": 1, "members": 9}
    found = compare(table, out=tmp_path / "run", learning_rate=0.02, **options)
    assert found.results["methods"][0]["parameters"]["learning_rate"] == pytest.approx(0.02)
    assert len(found.model().members) == 9


def test_it_brings_its_own_parameters_and_says_so(table, common, capsys):
    options = {**common, "methods": "recommended", "trees": False}
    with pytest.raises(ConfigurationError, match="brings its own parameters"):
        compare(table, parameters={"recommended": {"alm.margin": 1.0}}, **options)
    asked = ("compare", str(table), "--target", "label", "--critical", "fraud")
    assert code_of(*asked, "--methods", "recommended,recommended") == 2
    assert "named twice" in capsys.readouterr().err
    assert code_of(*asked, "--methods", "recomended") == 2
    assert "Did you mean 'recommended'?" in capsys.readouterr().err
    assert code_of(*asked, "--methods", "recommended+alm") == 2
    assert "'recommended' stands alone" in capsys.readouterr().err


def test_the_program_shows_what_it_stands_for(capsys):
    assert code_of("methods", "recommended") == 0
    told = capsys.readouterr().out
    assert find_recipe("recommended", {"kind": "table"}).told() in told
