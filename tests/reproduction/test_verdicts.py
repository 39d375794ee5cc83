"""Verdicts: what is shown, what is not, and under which conditions every number stands."""

import copy
import subprocess
import sys

import pytest

from rarecall.errors import RunError
from rarecall.reproduction.judging import of_setting
from rarecall.reproduction.stored import Reproduction
from rarecall.reproduction.verdicts import verdicts

NOTHING = "made-up data: the numbers mean nothing"
MEASURES = [
    {"label": "98", "measure": "fpr_at_tpr", "tpr": 0.98, "better": "lower", "percent": True},
    {"label": "AUC", "measure": "auc", "better": "higher", "percent": True},
]


def row(label, printed, own, against=None, baseline=None, done=4):
    return {
        "label": label,
        "method": "bce",
        "baseline": baseline,
        "printed": {key: {"value": value} for key, value in printed.items()},
        "own": {
            key: {"ensemble": value, "low": value - 0.04, "high": value + 0.04}
            for key, value in own.items()
        },
        "against": against or {},
        "units": {"wanted": 4, "done": done, "failed": 0},
    }


def difference(value, low, high, holm=None, p=None):
    return {
        "baseline": "BCE", "difference": value, "low": low, "high": high, "p": p, "holm": holm,
    }  # fmt: skip


def document(against=None, *, printed=0.471, **changed):
    tested = {"98": difference(-0.071, -0.123, -0.02, holm=0.01)} if against is None else against
    return {
        "format": 1,
        "kind": "reproduction",
        "protocol": "rankreg-table-1",
        "paper": "rankreg",
        "place": "Table 1",
        "title": "CIFAR-10",
        "scale": "small",
        "mode": "strict",
        "unfinished": False,
        "confidence": 0.95,
        "data": {"cifar10": {"made_up": False}},
        "measures": MEASURES,
        "settings": [
            {
                "name": "1:100",
                "rows": [
                    row("BCE", {"98": 0.56, "AUC": 0.912}, {"98": 0.521, "AUC": 0.9}),
                    row("RankReg", {"98": printed}, {"98": 0.45}, tested, "BCE"),
                ],
            }
        ],
    } | changed


def said_of(results, about="RankReg"):
    return [text for text in verdicts(results) if text.startswith("1:100: ") and about in text]


def test_a_shown_difference_reads_as_points_interval_and_the_papers():
    assert said_of(document())[0] == (
        "1:100: RankReg below BCE by 7.1 points at 98% TPR, interval [2.0, 12.3]; the paper: 8.9 "
        "(scale small, strict)."
    )


def test_a_measure_that_rises_is_above_and_keeps_its_interval():
    results = document({"AUC": difference(0.031, 0.012, 0.05)})
    assert "RankReg above BCE by 3.1 points in AUC, interval [1.2, 5.0]; the paper prints none" in (
        " ".join(said_of(results))
    )


@pytest.mark.parametrize(("low", "high"), [(-0.123, 0.02), (-0.12, 0.0), (0.0, 0.1)])
def test_an_interval_that_holds_zero_shows_no_difference(low, high):
    text = said_of(document({"98": difference(-0.03, low, high, p=0.001)}))[0]
    assert "no difference shown between RankReg and BCE at 98% TPR: 3.0 points below" in text


def test_zero_as_an_end_has_no_sign():
    text = said_of(document({"98": difference(-0.05, -0.1, 0.0)}))[0]
    assert "interval [0.0, 10.0]" in text


def test_many_comparisons_can_take_back_what_one_interval_shows():
    text = said_of(document({"98": difference(-0.07, -0.12, -0.02, holm=0.2, p=0.01)}))[0]
    assert text.startswith("1:100: no difference shown")
    assert "p = 0.2 once adjusted for the number of comparisons" in text
    assert "interval [2.0, 12.0]" in text


def test_a_difference_without_interval_is_not_shown():
    text = said_of(document({"98": difference(-0.07, None, None)}))[0]
    assert "no difference shown" in text
    assert "7.0 points below without an interval" in text


def test_the_direction_of_the_paper_is_told_where_it_is_the_other_one():
    text = said_of(document({"98": difference(0.05, 0.01, 0.09)}))[0]
    assert text.startswith("1:100: RankReg above BCE by 5.0 points at 98% TPR")
    assert "the paper: 8.9 below" in text


def test_the_paper_can_print_no_difference():
    assert "the paper: no difference" in said_of(document(printed=0.56))[0]


def test_a_difference_below_a_tenth_of_a_point_keeps_its_digits():
    text = said_of(document({"98": difference(-0.0004, -0.0007, -0.0001)}))[0]
    assert "below BCE by 0.04 points at 98% TPR, interval [0.01, 0.07]" in text


def test_a_measure_that_is_no_rate_is_written_as_it_is():
    measures = [{"label": "r", "measure": "correlation", "better": "lower", "percent": False}]
    results = document({"r": difference(-0.25, -0.4, -0.1)}, measures=measures)
    assert "RankReg below BCE by 0.250 in r, interval [0.100, 0.400]" in said_of(results)[0]


def test_scale_and_mode_stand_with_every_difference():
    results = document(scale="smoke", mode="as-published")
    told = said_of(results)
    assert told
    assert all("scale smoke, as-published" in text for text in told)


def test_made_up_data_is_marked_in_every_sentence_and_sums_up_to_nothing():
    results = document(data={"cifar10": {"made_up": True}})
    told = verdicts(results)
    assert told[1] == f"{NOTHING[0].upper()}{NOTHING[1:]}."
    assert all(NOTHING in text for text in told if text.startswith("1:100"))
    assert not any("inside the own" in text or "that the paper prints," in text for text in told)


def test_only_the_settings_on_made_up_data_are_marked_where_they_name_theirs():
    results = document(data={"cifar10": {"made_up": True}, "stl10": {"made_up": False}})
    real = {**copy.deepcopy(results["settings"][0]), "name": "real", "collection": "stl10"}
    results["settings"][0]["collection"] = "cifar10"
    results["settings"].append(real)
    told = verdicts(results)
    assert all((NOTHING in text) == text.startswith("1:100") for text in told[2:])
    assert any("in 1:100" in text for text in told)


def test_unfinished_work_is_marked_as_a_whole_and_by_row():
    results = document(unfinished=True)
    results["settings"][0]["rows"][1]["units"] = {"wanted": 4, "done": 3, "failed": 1}
    told = verdicts(results)
    assert any(text.startswith("Unfinished: 7 of 8 units are done; 1 failed.") for text in told)
    assert "3 of 4 units done, 1 failed" in said_of(results)[0]


def test_a_row_that_was_not_run_says_so():
    results = document({})
    results["settings"][0]["rows"][1] |= {"own": {}, "units": {"wanted": 4, "done": 0}}
    text = said_of(results)[0]
    assert "no difference measured between RankReg and BCE" in text
    assert "not run yet" in text


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (-0.07, -0.12, -0.02, "is shown here in the same direction"),
        (0.07, 0.02, 0.12, "is shown here in the opposite direction"),
        (-0.07, -0.2, 0.1, "is not shown here"),
    ],
)
def test_the_whole_says_what_became_of_the_papers_difference(value, low, high, words):
    assert any(words in text for text in verdicts(document({"98": difference(value, low, high)})))


def test_the_whole_counts_directions_over_all_rows():
    results = document()
    rows = results["settings"][0]["rows"]
    for name, (value, low, high) in {
        "a": (0.1, 0.05, 0.2),
        "b": (-0.1, -0.2, 0.05),
        "c": (-0.1, -0.2, -0.05),
    }.items():
        tested = {"98": difference(value, low, high)}
        rows.append(row(name, {"98": 0.5}, {"98": 0.5}, tested, "BCE"))
    assert (
        "Of 4 differences to a baseline that the paper prints, 2 are shown here in the same "
        "direction, 1 in the opposite one, and 1 is not shown."
    ) in verdicts(results)


def test_printed_values_inside_own_intervals_are_counted():
    assert (
        "3 of 3 printed values lie inside the own 95% interval over test samples; the paper's own "
        "uncertainty is not known."
    ) in verdicts(document())


def test_better_follows_the_measure_not_the_sign():
    found = Reproduction.read(
        document({"98": difference(-0.1, -0.2, -0.05), "AUC": difference(-0.1, -0.2, -0.05)})
    )
    assert [one.better for one in of_setting(found, found.settings[0])] == [True, False]


def test_a_label_that_looks_like_our_words_keeps_its_letters():
    results = document()
    results["settings"][0]["rows"][1]["label"] = "no buffer"
    found = Reproduction.read(results)
    first = of_setting(found, found.settings[0])[0]
    assert first.sentence.startswith("no buffer below BCE")


@pytest.mark.parametrize("missing", ["settings", "measures", "protocol", "scale", "mode"])
def test_a_missing_part_is_named(missing):
    results = document()
    del results[missing]
    with pytest.raises(RunError, match=missing):
        verdicts(results)


@pytest.mark.parametrize("changed", [{"format": 2}, {"kind": "comparison"}])
def test_other_documents_are_refused(changed):
    with pytest.raises(RunError, match="reproduction in format 1"):
        verdicts(document(**changed))


def test_damaged_rows_are_no_traceback():
    with pytest.raises(RunError, match="incomplete or damaged"):
        verdicts(document(settings=[{"name": "x", "rows": [3]}]))


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), "x", True, None])
def test_values_that_are_no_numbers_are_unknown(odd):
    text = said_of(document({"98": difference(odd, -0.1, 0.1)}))[0]
    assert "no difference measured" in text


def test_verdicts_load_nothing_heavy():
    code = (
        "import sys, rarecall.reproduction.verdicts; "
        "print([m for m in ('torch', 'sklearn', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
