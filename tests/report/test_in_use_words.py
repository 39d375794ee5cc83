"""What a model does in use, in plain words."""

import copy

import pytest

from rarecall.report.in_use import probabilities, sentences, subgroups
from rarecall.report.in_use.amounts import cases_for, one_in
from rarecall.report.in_use.stored import InUse
from rarecall.report.stored import Comparison


@pytest.fixture
def results(stored_run):
    return copy.deepcopy(stored_run[1])


def with_alarms(results, tpr, fpr, prevalence, source="given", own=False, per=1000):
    real, false = per * prevalence * tpr, per * (1 - prevalence) * fpr
    results["insights"]["prevalence"] = {"value": prevalence, "source": source}
    results["insights"]["alarms"] = {
        "per": per,
        "flagged": real + false,
        "real": real,
        "false": false,
        "missed": per * prevalence * (1 - tpr),
        "precision": real / (real + false) if real + false else None,
        "threshold": 0.5,
        "tpr": tpr,
        "fpr": fpr,
        "source": "test" if own else "calibration",
    }
    return Comparison.read(results)


def test_a_physician_reads_what_happens_to_a_thousand_cases(results):
    assert sentences.plain(with_alarms(results, 0.98, 0.031, 0.02)) == (
        "Of 1000 cases in use, about 20 are critical (malignant), 2.0% as was given. "
        "The delivered threshold flags about 50 of them: 20 real and 30 false alarms. "
        "So about 4 in 10 alarms are real. About 1 in 50 critical cases is missed."
    )


def test_without_a_given_prevalence_the_cases_are_like_those_of_the_test_part(results):
    said = sentences.plain(with_alarms(results, 0.9, 0.1, 0.06, "test"))
    assert said.startswith("Of 1000 cases like those of the test part, about 60 are critical")


def test_other_critical_classes_are_said_to_be_left_aside(results):
    results["task"] = {"kind": "multiclass", "critical": [1, 2]}
    said = sentences.plain(with_alarms(results, 0.9, 0.1, 0.06, "test"))
    assert "those of other critical classes aside, about 60" in said


def test_a_label_that_is_a_number_is_named_with_its_column(results):
    results["data"] |= {"critical": "1", "target": "ill"}
    assert "20 are critical (ill = 1)" in sentences.plain(with_alarms(results, 0.98, 0.03, 0.02))


@pytest.mark.parametrize(
    ("prevalence", "cases"), [(0.02, "1000"), (0.0004, "100,000"), (3e-6, "1,000,000")]
)
def test_rare_classes_are_counted_among_more_cases(results, prevalence, cases):
    said = sentences.plain(with_alarms(results, 0.9, 0.01, prevalence))
    assert said.startswith(f"Of {cases} cases in use")
    assert "fewer than 1 is critical" not in said


@pytest.mark.parametrize("tpr", [0.91, 0.955, 0.975, 0.999])
@pytest.mark.parametrize("prevalence", [0.01, 0.0153, 0.25, 0.5])
def test_the_counts_in_the_sentence_add_up(results, tpr, prevalence):
    import re

    said = sentences.plain(with_alarms(results, tpr, 0.123, prevalence))
    flagged, real, false = map(
        int, re.search(r"about (\d+) of them: (\d+) real and (\d+) false", said).groups()
    )
    critical = int(re.search(r"about (\d+) (?:is|are) critical", said)[1])
    assert flagged == real + false
    assert real <= critical
    assert abs(critical - 1000 * prevalence) <= 1


def test_no_miss_on_test_is_not_called_no_miss_ever(results):
    results["threshold"]["test"] |= {"positives": 42, "misses": 0}
    results["threshold"]["test"]["tpr"] = {"value": 1.0, "low": 0.916, "high": 1.0}
    said = sentences.plain(with_alarms(results, 1.0, 0.1, 0.02))
    assert said.endswith(
        "None of the 42 critical test cases was missed; that does not say that none ever is: "
        "up to 1 in 12 could be."
    )


def test_groups_are_not_mistaken_for_cases(results):
    results["threshold"] |= {"unit": "group"}
    comparison = with_alarms(results, 1.0, 0.1, 0.02)
    assert sentences.plain(comparison).endswith(
        "None of the critical test cases was missed; that does not say that none ever is."
    )
    assert sentences.rates(comparison) == ("100%", "10.0%")


def test_a_threshold_set_on_the_measured_samples_promises_nothing(results):
    results["threshold"] = None
    comparison = with_alarms(results, 0.95, 0.1, 0.06, "test", own=True)
    assert "A threshold that just reaches TPR >= 95% on these samples" in sentences.plain(
        comparison
    )
    assert "nothing is promised" in sentences.own_threshold(comparison)
    assert sentences.own_threshold(with_alarms(results, 0.95, 0.1, 0.06)) == ""


def test_no_false_alarm_and_no_alarm_at_all_are_said(results):
    said = sentences.plain(with_alarms(results, 0.9, 0.0, 0.1))
    assert "about 90 of them: 90 real and no false alarms. All of the alarms are real." in said
    said = sentences.plain(with_alarms(results, 0.0, 0.0, 0.1))
    assert said.endswith(
        "The delivered threshold flags none of them. All critical cases are missed."
    )


def test_nothing_is_said_where_nothing_is_stored(results):
    del results["insights"]
    comparison = Comparison.read(results)
    for sentence in (
        sentences.plain, sentences.own_threshold, sentences.rests_on,
        subgroups.subgroup_summary, subgroups.low_subgroups, subgroups.alarmed_subgroups,
    ):  # fmt: skip
        assert sentence(comparison) == ""


def test_the_exact_reading_names_the_rates_and_where_the_share_comes_from(results):
    comparison = with_alarms(results, 0.95, 0.1, 0.02)
    said = sentences.rests_on(comparison)
    assert "TPR 95.0% [" in said
    assert said.endswith("of 2.0%, as was given.")
    said = sentences.rests_on(with_alarms(results, 0.95, 0.1, 0.06, "test"))
    assert said.endswith("of 6.0%, that of the test part.")


def group(value, tpr, fpr, few=False):
    def rate(found):
        return None if found is None else dict(zip(("value", "low", "high"), found, strict=True))

    return {
        "column": "site", "value": value, "n": 100, "positives": 20, "negatives": 80,
        "tpr": rate(tpr), "fpr": rate(fpr), "few": few,
    }  # fmt: skip


def test_a_subgroup_is_named_only_beyond_chance(results):
    fine, poor = (0.9, 0.7, 0.98), (0.7, 0.46, 0.88)
    results["insights"]["subgroups"] = [group("A", fine, (0.1, 0.05, 0.2))]
    assert subgroups.subgroup_summary(Comparison.read(results)) == (
        "In none of 1 subgroup is the TPR shown to be below 95%."
    )
    results["insights"]["subgroups"].append(group("B", poor, (0.1, 0.05, 0.2)))
    said = subgroups.subgroup_summary(Comparison.read(results))
    assert said.startswith("TPR below 95% by more than chance explains")
    assert "site B (70.0%)" in said
    assert "site A" not in said
    assert "chance alone would name about 0.05" in said


def test_more_false_alarms_than_over_all_are_named_beyond_chance(results):
    results["insights"]["subgroups"] = [
        group("A", None, (0.5, 0.4, 0.6)),
        group("B", None, (0.15, 0.09, 0.25)),
    ]
    said = subgroups.alarmed_subgroups(with_alarms(results, 0.95, 0.1, 0.02))
    assert said == "More false alarms than over all (10.0%), beyond chance: site A (50.0%)."


def test_many_subgroups_are_cut_short_and_few_cases_are_said(results):
    poor = (0.5, 0.3, 0.7)
    results["insights"]["subgroups"] = [group(f"S{k}", poor, None, few=True) for k in range(9)]
    said = subgroups.subgroup_summary(Comparison.read(results))
    assert "site S3 (50.0%) and 5 more." in said
    assert "9 subgroups have so few cases of a class that their rates say next to nothing" in said


def test_without_intervals_no_subgroup_is_blamed(results):
    results["insights"]["subgroups"] = [group("A", (0.2, None, None), (0.9, None, None))]
    comparison = with_alarms(results, 0.95, 0.1, 0.02)
    assert "no difference between subgroups is claimed" in subgroups.subgroup_summary(comparison)
    assert subgroups.low_subgroups(comparison) == ""
    assert subgroups.alarmed_subgroups(comparison) == ""


def claims(*enough):
    return InUse.read(
        {"claims": [{"claim": f"c{k}", "enough": one} for k, one in enumerate(enough)]}
    )


def test_claims_on_too_few_cases_are_named():
    assert sentences.evidence(claims(True, False)) == "1 of 2 claims rests on too few cases: c1."
    assert sentences.evidence(claims(*[False] * 6)).endswith("cases: c0, c1, c2, c3 and 2 more.")
    assert sentences.evidence(claims(True)) == "Enough cases stand behind every claim here."
    assert sentences.weak_evidence(claims(True)) == ""
    assert sentences.evidence(claims()) == ""


def test_the_parts_of_the_brier_score_add_up_to_it(stored_run):
    found = Comparison.read(stored_run[1]).in_use.probability
    rows = probabilities.brier_parts(found)
    parts = [float(value) for _, value, _ in rows[:-1]]
    assert sum(parts) == pytest.approx(float(rows[-1][1]), abs=2e-4)
    assert rows[-1][1] == f"{found.brier:.4f}"


def test_a_group_is_off_only_outside_its_interval():
    def read(mean):
        stored = {"n": 50, "mean": mean, "rate": 0.2, "low": 0.1, "high": 0.34}
        return InUse.read({"probability": {"bins": [stored]}}).probability

    assert "agrees with the probability" in probabilities.honesty(read(0.3))
    assert "In 1 of them" in probabilities.honesty(read(0.4))


def decided(model, everyone=(0.0, -0.1, -0.2), prevalence=0.1):
    stored = {
        "thresholds": [0.05, 0.1, 0.2], "model": list(model), "everyone": list(everyone),
        "prevalence": prevalence,
    }  # fmt: skip
    return InUse.read({"decision_curve": stored}).decision


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ((0.1, 0.1, 0.1), "At every threshold probability up to 20.0%"),
        ((-0.1, 0.1, 0.1), "from 10.0% to 20.0%."),
        ((0.1, -0.1, 0.1), "from 5.0% to 20.0%, with gaps."),
        ((-0.1, 0.0, -0.1), "At no threshold probability up to 20.0%"),
    ],
)
def test_where_the_model_is_worth_acting_on_is_said(model, said):
    assert said in probabilities.useful(decided(model))


def test_the_worth_is_a_count_of_cases():
    assert "as finding 12.3 critical cases among 1000" in probabilities.worth(
        decided((0.1, 0.0123, 0.0))
    )
    assert "worth nothing" in probabilities.worth(decided((0.1, -0.01, 0.0)))
    assert probabilities.worth(decided((0.1, 0.1, 0.1), prevalence=0.5)) == ""


def test_every_chance_is_a_phrase_that_reads():
    for percent in range(101):
        said = one_in(percent / 100)
        assert said in ("none", "all") or said.endswith("%") or " in " in said
        assert not said.startswith("10 in 10")
    assert cases_for(0.5) == 1000


def test_sentences_in_use_are_ascii(stored_run):
    comparison = Comparison.read(stored_run[1])
    found = comparison.in_use
    said = [
        sentences.plain(comparison), sentences.rests_on(comparison), sentences.evidence(found),
        subgroups.subgroup_summary(comparison), probabilities.origin(found.probability),
        probabilities.honesty(found.probability), probabilities.sharpness(found.probability),
        probabilities.useful(found.decision), probabilities.worth(found.decision),
    ]  # fmt: skip
    assert all(text and text.isascii() for text in said)
