"""What a model does in use, against counts made by hand."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.calibration import fit_calibrator, load_calibrator, shift_prior
from rarecall.errors import DataError
from rarecall.evaluation.cases import Looks, hardest_cases, row_text, thumbnail
from rarecall.evaluation.claims import claims
from rarecall.evaluation.insights import Model, Wishes, insights
from rarecall.evaluation.subgroup_rates import subgroup_rates
from rarecall.metrics import operating_point, rate_interval, rates_at
from rarecall.roles import CalibrationScores, TestScores
from rarecall.thresholds import guaranteed_threshold

KEYS = {
    "of", "confidence", "prevalence", "alarms", "probability", "decision_curve", "subgroups",
    "misses", "false_alarms", "claims",
}  # fmt: skip


def scores(kind, *, positives=80, negatives=720, seed=0, separation=2.0, **more):
    targets = np.repeat([1, 0], [positives, negatives])
    values = np.random.default_rng(seed).normal(separation * targets)
    return kind(values, targets, np.array([f"{kind.__name__}-{k}" for k in range(len(targets))]),
                **more)  # fmt: skip


@pytest.fixture
def test():
    return scores(TestScores, seed=1)


@pytest.fixture
def model(test):
    calibration = scores(CalibrationScores)
    choice = guaranteed_threshold(calibration, tpr=0.9)
    return Model("mine", test, calibration, choice)


WISHES = Wishes(0.9, (0.9, 0.95))


def test_every_key_is_there_and_the_whole_is_json(model):
    found = insights(model, WISHES)
    assert set(found) == KEYS
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_alarms_are_the_rates_at_the_threshold_times_the_prevalence(model):
    found = insights(model, Wishes(0.9, (0.9,), prevalence=0.02))["alarms"]
    tpr = np.mean(model.test.scores[model.test.targets == 1] >= model.choice.value)
    fpr = np.mean(model.test.scores[model.test.targets == 0] >= model.choice.value)
    assert (found["tpr"], found["fpr"]) == (tpr, fpr)
    assert found["real"] == pytest.approx(20 * tpr)
    assert found["false"] == pytest.approx(980 * fpr)
    assert found["missed"] == pytest.approx(20 * (1 - tpr))
    assert found["flagged"] == pytest.approx(20 * tpr + 980 * fpr)
    assert found["precision"] == pytest.approx(20 * tpr / (20 * tpr + 980 * fpr))
    assert found["source"] == "calibration"


def test_without_a_wish_the_prevalence_is_that_of_the_test_part(model):
    assert insights(model, WISHES)["prevalence"] == {"value": 0.1, "source": "test"}


def test_without_a_threshold_the_rates_are_those_at_the_tpr_asked_and_say_so(test):
    found = insights(Model("mine", test), WISHES)
    point = operating_point(test.scores, test.targets, 0.9)
    assert found["alarms"]["threshold"] == point.threshold
    assert found["alarms"]["source"] == "test"
    assert found["probability"] is None
    assert found["decision_curve"] is None


def test_a_threshold_that_flags_nothing_has_no_precision(test):
    high = guaranteed_threshold(scores(CalibrationScores, separation=1e3), tpr=0.9)
    found = insights(Model("mine", test, choice=high), WISHES)
    assert found["alarms"]["precision"] is None
    assert found["alarms"]["missed"] == pytest.approx(100)


def test_probabilities_are_fitted_on_calibration_and_judged_on_test(model):
    found = insights(model, WISHES)["probability"]
    fitted = fit_calibrator(model.calibration, method="platt")
    probabilities = fitted.probability(model.test.scores)
    targets = model.test.targets
    assert found["brier"]["value"] == pytest.approx(np.mean((probabilities - targets) ** 2))
    parts = found["brier"]
    assert parts["uncertainty"] == pytest.approx(0.09)
    added = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within"]
    assert added == pytest.approx(parts["value"], abs=1e-12)
    assert (found["fitted_on"], found["n"], found["method"]) == ("calibration", 800, "platt")
    again = load_calibrator(found["calibrator"]).probability(model.test.scores)
    np.testing.assert_allclose(again, probabilities)
    assert sum(one["n"] for one in found["bins"]) == 800
    total = sum(one["n"] * one["rate"] for one in found["bins"])
    assert total == pytest.approx(targets.sum())
    for one in found["bins"]:
        interval = rate_interval(round(one["rate"] * one["n"]), one["n"], 0.95)
        assert (one["low"], one["high"]) == (interval.low, interval.high)
    assert 0 <= found["error"] < 0.1


def test_the_decision_curve_is_net_benefit_at_the_prevalence_in_use(model):
    found = insights(model, Wishes(0.9, (0.9,), prevalence=0.02))["decision_curve"]
    fitted = fit_calibrator(model.calibration, method="platt")
    probabilities = shift_prior(fitted.probability(model.test.scores), before=0.1, after=0.02)
    targets = model.test.targets
    for at, benefit, everyone in list(
        zip(found["thresholds"], found["model"], found["everyone"], strict=True)
    )[::20]:
        tpr = np.mean(probabilities[targets == 1] >= at)
        fpr = np.mean(probabilities[targets == 0] >= at)
        assert benefit == pytest.approx(0.02 * tpr - 0.98 * fpr * at / (1 - at), abs=1e-12)
        assert everyone == pytest.approx(0.02 - 0.98 * at / (1 - at), abs=1e-12)
    assert (found["prevalence"], found["calibrated"]) == (0.02, True)


def test_scores_that_are_probabilities_are_judged_as_they_are(test):
    given = TestScores(1 / (1 + np.exp(-test.scores)), test.targets, test.ids)
    found = insights(Model("mine", given), Wishes(0.9, (0.9,), probabilities=True))
    assert found["probability"]["method"] == "given"
    assert found["probability"]["calibrator"] is None
    brier = np.mean((given.scores - given.targets) ** 2)
    assert found["probability"]["brier"]["value"] == pytest.approx(brier)
    assert found["decision_curve"]["calibrated"] is False
    with pytest.raises(DataError, match="probabilities, which lie between 0 and 1"):
        insights(Model("mine", test), Wishes(0.9, (0.9,), probabilities=True))


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e300])
def test_scores_that_never_change_are_tiny_or_huge_break_nothing(model, scale):
    parts = [
        type(part)(part.scores * scale, part.targets, part.ids)
        for part in (model.test, model.calibration)
    ]
    choice = guaranteed_threshold(parts[1], tpr=0.9)
    found = insights(Model("mine", *parts, choice), WISHES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["probability"] is None) == (scale == 0)


def test_on_the_calibration_samples_themselves_nothing_is_fitted(model, test):
    found = insights(
        Model("mine", test, model.calibration, model.choice, apart=False,
              subgroups=pd.DataFrame({"site": ["a"] * 800})),
        WISHES,
    )  # fmt: skip
    assert found["probability"] is None
    assert found["subgroups"][0]["tpr"]["low"] is None


def test_weighted_rates_count_as_repeated_rows(test):
    weights = np.random.default_rng(0).integers(1, 4, 800)
    again = np.repeat(np.arange(800), weights)
    repeated = TestScores(
        test.scores[again], test.targets[again], np.arange(len(again)).astype(str)
    )
    weighted = TestScores(test.scores, test.targets, test.ids, None, weights.astype(float))
    one, two = (insights(Model("m", part), WISHES) for part in (weighted, repeated))
    for key in ("tpr", "fpr", "threshold", "flagged", "missed"):
        assert one["alarms"][key] == pytest.approx(two["alarms"][key])
    assert one["prevalence"]["value"] == pytest.approx(two["prevalence"]["value"])
    assert one["probability"] is None


# Subgroups ----------------------------------------------------------------------------------------


def test_subgroup_rates_are_those_of_its_rows_alone(test):
    site = np.where(np.arange(800) % 3 == 0, "north", "south")
    found = subgroup_rates(test, pd.DataFrame({"site": site}), 1.0, confidence=0.9)
    assert [one["value"] for one in found] == ["north", "south"]
    for one in found:
        rows = site == one["value"]
        alone = rates_at(test.scores[rows], test.targets[rows], 1.0)
        assert one["tpr"]["value"] == pytest.approx(alone.tpr)
        assert one["fpr"]["value"] == pytest.approx(alone.fpr)
        caught = round(alone.tpr * one["positives"])
        interval = rate_interval(caught, one["positives"], 0.9)
        assert (one["tpr"]["low"], one["tpr"]["high"]) == (interval.low, interval.high)
        assert one["n"] == one["positives"] + one["negatives"] == rows.sum()
        assert not one["few"]


def test_a_subgroup_without_positives_has_no_tpr_and_is_marked(test):
    site = np.where(test.targets == 1, "a", "b")
    site[-5:] = "c"
    a, b, c = subgroup_rates(test, pd.DataFrame({"site": site}), 1.0, confidence=0.95)
    assert a["fpr"] is None
    assert b["tpr"] is None
    assert (c["n"], c["few"], b["few"]) == (5, True, True)


def test_categories_keep_their_order_and_empty_ones_are_left_out(test):
    age = pd.Categorical(["old", "young"] * 400, ["young", "older", "old"])
    found = subgroup_rates(test, pd.DataFrame({"age": age}), 1.0, confidence=0.95)
    assert [one["value"] for one in found] == ["young", "old"]


# Cases --------------------------------------------------------------------------------------------


def test_the_hardest_misses_and_worst_false_alarms_come_first(test):
    misses, alarms = hardest_cases(test, 1.0, Looks(), 5)
    missed = np.sort(test.scores[(test.targets == 1) & (test.scores < 1.0)])
    flagged = np.sort(test.scores[(test.targets == 0) & (test.scores >= 1.0)])[::-1]
    assert [case["score"] for case in misses] == missed[:5].tolist()
    assert [case["score"] for case in alarms] == flagged[:5].tolist()
    assert all(case["margin"] == pytest.approx(case["score"] - 1.0) for case in misses + alarms)
    assert all(case["margin"] < 0 for case in misses)


def test_a_score_at_the_threshold_is_flagged():
    test = TestScores(np.array([1.0, 0.0]), np.array([1, 0]), np.array(["a", "b"]))
    assert hardest_cases(test, 1.0, Looks(), 5) == ([], [])


def test_no_cases_are_stored_where_none_are_wanted(model):
    found = insights(model, Wishes(0.9, (0.9,), cases=0))
    assert found["misses"] == found["false_alarms"] == []


def test_without_a_threshold_the_extremes_are_shown(test):
    misses, alarms = hardest_cases(test, None, Looks(), 3)
    assert [case["score"] for case in misses] == np.sort(test.scores[:80])[:3].tolist()
    assert [case["score"] for case in alarms] == np.sort(test.scores[80:])[::-1][:3].tolist()
    assert misses[0]["margin"] is None


def test_cases_show_their_row_and_group():
    rows = pd.DataFrame(
        {"age": [41.0, np.nan],
         "at": [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01 12:00")],
         "note": ["x" * 300, None], "n": [3, 4]},
    )  # fmt: skip
    test = TestScores(
        np.array([0.0, 1.0]), np.array([1, 0]), np.array(["a", "b"]), np.array(["g", "h"])
    )
    (miss,), (alarm,) = hardest_cases(test, 0.5, Looks(rows), 5)
    assert miss["group"] == "g"
    assert miss["row"] == {"age": "41", "at": "2024-01-31", "note": "x" * 119 + "…", "n": "3"}
    assert alarm["row"] == {"age": "", "at": "2024-02-01T12:00:00", "note": "", "n": "4"}


def test_a_wide_table_is_cut():
    text = row_text(pd.DataFrame(np.zeros((1, 60))), 0)
    assert len(text) == 41
    assert text["…"] == "and 20 more columns"


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((8, 8, 1), (96, 96)),
        ((300, 200, 3), (64, 96)),
        ((60, 60, 1), (60, 60)),
        ((5, 9, 2), (90, 50)),
    ],
)
def test_thumbnails_are_small_pngs(shape, size):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    head, _, body = thumbnail(image).partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(body, validate=True))) as picture:
        assert picture.format == "PNG"
        assert picture.size == size


# Claims -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("positives", "enough"), [(99, False), (100, True)])
def test_an_fpr_needs_five_positives_that_may_be_missed(positives, enough):
    found = claims(scores(TestScores, positives=positives), [0.95], None, None, calibrated=False)
    assert found[0]["claim"] == "FPR at TPR 95%"
    assert found[0]["enough"] is enough
    assert ("needed for a steady value: 100 positives" in found[0]["why"]) is not enough


def test_the_guarantee_counts_calibration_positives(model):
    (claim,) = [
        one
        for one in claims(model.test, [0.9], model.choice, model.calibration, calibrated=True)
        if one["claim"].startswith("Guarantee")
    ]
    assert (claim["positives"], claim["negatives"], claim["enough"]) == (80, 720, True)
    assert "takes 29 calibration positives" in claim["why"]
