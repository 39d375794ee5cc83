import copy

import pytest

from rarecall.report import promises, sentences
from rarecall.report.stored import Comparison


@pytest.fixture
def results(stored_run):
    return copy.deepcopy(stored_run[1])


def method(results, name="bce+alm"):
    return next(m for m in results["methods"] if m["name"] == name)


def set_rate(results, value, low, high, name="bce+alm"):
    method(results, name)["test"]["fpr"]["0.95"] = {"value": value, "low": low, "high": high}


def set_difference(results, value, low, high, verdict, p_adjusted=0.012):
    method(results)["difference"] = {
        "value": value,
        "low": low,
        "high": high,
        "p_value": p_adjusted / 2,
        "p_adjusted": p_adjusted,
        "verdict": verdict,
    }


def test_the_answer_is_said_as_a_rate_and_as_a_count(results):
    set_rate(results, 0.123, 0.101, 0.149)
    assert sentences.answer(Comparison.read(results)) == (
        "At TPR >= 95%, bce+alm flags 12.3% of the harmless [10.1, 14.9]; "
        "that is 123 false alarms per 1000 harmless cases."
    )


def test_a_rate_of_zero_is_not_called_a_count_of_zero_per_thousand(results):
    set_rate(results, 0.0, 0.0, 0.0014)
    said = sentences.answer(Comparison.read(results))
    assert (
        said
        == "At TPR >= 95%, bce+alm flags none of the 2,177 harmless test cases (0% [0.0, 0.1])."
    )


def test_small_rates_get_more_decimals(results):
    set_rate(results, 0.0012, 0.0004, 0.0041)
    said = sentences.answer(Comparison.read(results))
    assert "flags 0.12% of the harmless [0.04, 0.41]; that is 1 false alarm per 1000" in said


def test_an_interval_up_to_everything_is_explained(results):
    set_rate(results, 0.02, 0.0, 1.0)
    said = sentences.breadth(Comparison.read(results))
    assert said.startswith("The test part has too few critical cases (60) to bound this rate")
    set_rate(results, 0.02, 0.0, 0.4)
    assert sentences.breadth(Comparison.read(results)) == ""


def test_a_missing_rate_is_said_to_be_missing(results):
    set_rate(results, None, None, None)
    assert sentences.answer(Comparison.read(results)).endswith("has no stored false positive rate.")


def test_a_shown_difference_names_its_size_and_range(results):
    set_difference(results, -0.031, -0.052, -0.01, "lower")
    assert sentences.certainty(Comparison.read(results)) == (
        "Against the baseline bce, it flags 3.1 percentage points fewer of the harmless, "
        "from 5.2 fewer to 1.0 fewer (p = 0.012, adjusted for the number of comparisons): "
        "fewer false alarms."
    )


def test_a_winner_that_is_worse_on_test_is_said_to_be_worse(results):
    set_difference(results, 0.04, 0.01, 0.07, "higher")
    said = sentences.certainty(Comparison.read(results))
    assert "4.0 percentage points more" in said
    assert "more false alarms on test" in said


def test_no_difference_shown_says_why(results):
    set_difference(results, -0.02, -0.06, 0.01, "no difference shown", 0.4)
    said = sentences.certainty(Comparison.read(results))
    assert said.startswith("No difference shown to the baseline bce: it flags 2.0 percentage")
    assert "but the interval spans zero, from 6.0 fewer to 1.0 more (p = 0.4" in said


def test_a_difference_lost_to_many_comparisons_is_not_said_to_span_zero(results):
    set_difference(results, -0.02, -0.04, -0.001, "no difference shown", 0.09)
    said = sentences.certainty(Comparison.read(results))
    assert said.startswith("No difference shown")
    assert "spans zero" not in said
    assert "several methods" in said


def test_a_winner_that_is_the_baseline_is_compared_with_nothing(results):
    results["winner"]["name"] = "bce"
    assert "is the baseline itself" in sentences.certainty(Comparison.read(results))


def test_a_reference_that_does_better_is_pointed_out(results):
    set_rate(results, 0.2, 0.1, 0.3)
    set_rate(results, 0.1, 0.05, 0.15, "boosted trees")
    assert "fewer than bce+alm: look at them" in sentences.scale(Comparison.read(results))
    set_rate(results, 0.3, 0.2, 0.4, "boosted trees")
    assert "fewer" not in sentences.scale(Comparison.read(results))


def test_a_guarantee_names_its_confidence_and_what_it_rests_on(results):
    assert promises.guarantee(Comparison.read(results)) == (
        "Guarantee: TPR >= 95% with 95% confidence. "
        "It rests on 84 critical calibration cases (at least 59 needed)."
    )


def test_groups_are_counted_as_groups(results):
    results["threshold"] |= {"unit": "group", "guaranteed": False, "n_positives": 12}
    comparison = Comparison.read(results)
    assert "needs 59 critical groups in the calibration part; there are 12" in promises.guarantee(
        comparison
    )
    # How many rows make so many groups is not known.
    assert promises.more_needed(comparison) == ""


def test_the_threshold_is_written_to_the_last_digit(results):
    results["threshold"]["value"] = 0.1 + 0.2
    assert "0.30000000000000004 or more" in promises.threshold(Comparison.read(results))


def test_a_missed_target_on_test_is_chance_or_it_is_not(results):
    rates = results["threshold"]["test"]
    rates["tpr"] = {"value": 0.92, "low": 0.85, "high": 0.97}
    assert "within what chance allows" in promises.kept(Comparison.read(results))
    rates["tpr"] = {"value": 0.85, "low": 0.75, "high": 0.92}
    assert "Do not rely on this threshold" in promises.kept(Comparison.read(results))
    rates["tpr"] = {"value": 0.97, "low": 0.9, "high": 1.0}
    assert promises.kept(Comparison.read(results)) == ""


def test_alarms_are_split_into_real_and_false(results):
    results["threshold"]["test"] |= {"misses": 1, "positives": 21, "false_alarms": 80}
    said = promises.real_alarms(Comparison.read(results))
    assert said.startswith("Of 100 alarms on test, 20 (20.0%) were real.")


def test_two_rates_of_one_method_are_explained(results):
    set_rate(results, 0.1, 0.05, 0.15)
    results["threshold"]["test"]["fpr"]["value"] = 0.18
    assert promises.other_rate(Comparison.read(results)).startswith("Why 18.0% here and 10.0%")
    results["threshold"]["test"]["fpr"]["value"] = 0.1
    assert promises.other_rate(Comparison.read(results)) == ""


def test_sentences_are_ascii(results):
    comparison = Comparison.read(results)
    said = (
        sentences.answer, sentences.choice, sentences.certainty, sentences.scale,
        promises.threshold, promises.guarantee, promises.achieved, promises.real_alarms,
    )  # fmt: skip
    assert all(sentence(comparison) and sentence(comparison).isascii() for sentence in said)


@pytest.mark.parametrize("written", ["0.9", "0.90", "0.900"])
def test_a_level_is_found_however_it_is_written(results, written):
    rates = method(results)["test"]["fpr"]
    rates[written] = rates.pop("0.90") | {"value": 0.0317}
    assert Comparison.read(results).winner.fpr_at(0.9).value == 0.0317


def test_methods_come_winner_first_then_as_validation_ranks_them(results):
    for stored, value in zip(results["methods"], (3, 1, 2, 9, 8, 7, 6, 99), strict=True):
        stored["validation"]["selection"] = value
    names = [m.name for m in Comparison.read(results).methods]
    assert names == [
        "bce+alm", "a-fl", "bce+rankreg", "bce+replay", "bce", "bce+balanced", "w-bce",
        "boosted trees",
    ]  # fmt: skip


def test_the_required_level_is_shown_even_if_it_is_not_among_the_levels(results):
    results["question"] |= {"levels": [0.9], "tpr": 0.95}
    assert Comparison.read(results).levels == (0.9, 0.95)
