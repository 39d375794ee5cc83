"""The reports of several classes or labels: sentences, terminal, page, and what may be missing."""

from __future__ import annotations

import copy
import io
import re
import shutil

import numpy as np
import pytest
from rich.console import Console

from rarecall.errors import RunError
from rarecall.files import write_json
from rarecall.report import terminal_table, write_report
from rarecall.report.curves import read_view_scores
from rarecall.report.several import Several, is_several, sentences

NAMES = ("mass", "<i>calc</i>", "distortion", "asymmetry", "node", "a label of very many words")


def as_several(results, kind, names):
    """Give every class the numbers of the binary run, each a little worse than the one before."""
    stored = copy.deepcopy(results)
    threshold = stored["threshold"]
    multiclass = kind == "multiclass"
    n = len(names) + multiclass
    classes = []
    for number, name in enumerate(names):
        methods = copy.deepcopy(stored["methods"])
        for method in methods:
            for item in method["test"]["fpr"].values():
                for key in ("value", "low", "high"):
                    item[key] = min(1.0, item[key] * (1 + 0.3 * number))
            method["seeds"] = [seed["test"] for seed in method["seeds"]]
            if multiclass:
                errors = {"0.8": 0.1, "0.9": 0.2, "0.95": 0.3}
                method |= {"accuracy": 0.7, "error_at_tpr": errors, "fpr_one_vs_rest": 0.2}
            if number == 1 and method["difference"]:
                method["difference"] |= {"verdict": "no difference shown", "low": -0.1, "high": 0.1}
        record = {"name": name, "number": number, "methods": methods, "threshold": dict(threshold)}
        record["insights"] = copy.deepcopy(stored["insights"])
        classes.append({**record, "parts": stored["data"]["split"]["parts"]})
    for place, method in enumerate(stored["methods"]):
        mean = {
            level: {
                "value": float(
                    np.mean(
                        [one["methods"][place]["test"]["fpr"][level]["value"] for one in classes]
                    )
                )
            }
            for level in method["test"]["fpr"]
        }
        method["test"] = {"fpr": mean, "auc": {"value": method["test"]["auc"]["value"]}}
        if multiclass:
            method["test"] |= {"accuracy": 0.9, "balanced_accuracy": 0.8}
        method["difference"] = None
    stored |= {
        "threshold": None,
        "insights": None,
        "classes": classes,
        "task": {
            "kind": kind,
            "classes": n,
            "critical": list(range(len(names))),
            "names": [*names, "none"][:n],
        },
        "together": {
            "positives": 60, "misses": 2, "negatives": 2000, "false_alarms": 300, "flagged": 358,
            "flagged_for_several": 7,
        },
    }  # fmt: skip
    if multiclass:
        stored["assignment"] = {
            "accuracy": 0.91,
            "error_on_others": 0.08,
            "classes": {**dict.fromkeys(names, 0.75), "none": 0.95},
        }
    return stored


@pytest.fixture(
    scope="module",
    params=[("multiclass", 2), ("multilabel", 3), ("multilabel", 6), ("multiclass", 1)],
)
def several(request, stored_run, tmp_path_factory):
    """A folder, its results and the page written from it; read only."""
    source, results = stored_run
    folder = tmp_path_factory.mktemp("several")
    (folder / "scores").symlink_to(source / "scores")
    kind, number = request.param
    made = as_several(results, kind, NAMES[:number])
    write_json(folder / "results.json", made)
    return folder, made, write_report(folder).read_text(encoding="utf-8")


def printed(results, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal_table(results))
    return console.file.getvalue()


def test_a_binary_run_is_none_of_these(run):
    assert not is_several(run[1])


def test_the_terminal_fits_80_columns_and_holds_every_class(several):
    _, results, _ = several
    text = printed(results)
    assert max(len(line) for line in text.splitlines()) <= 80
    for one in results["classes"]:
        assert one["name"].split()[0] in text
    for method in results["methods"]:
        assert re.split(r"[+ ]", method["name"])[0] in text


def test_the_answer_names_few_classes_one_by_one_and_of_many_the_ends(run):
    few = sentences.answer(Several.read(as_several(run[1], "multiclass", NAMES[:2])))
    assert "for each of 2 critical classes" in few
    assert re.search(r"[\d.]+% for mass, [\d.]+% for <i>calc</i>\.$", few)
    many = sentences.answer(Several.read(as_several(run[1], "multilabel", NAMES)))
    assert re.search(r"from [\d.]+% for mass to [\d.]+% for a label of very many words\.$", many)


def test_a_difference_is_claimed_only_for_the_classes_that_show_it(run):
    found = Several.read(as_several(run[1], "multilabel", NAMES[:3]))
    said = sentences.certainty(found)
    verdicts = {one.name: one.found.winner.difference.verdict for one in found.classes}
    assert verdicts["<i>calc</i>"] == "no difference shown"
    if "lower" in verdicts.values():
        assert "fewer false alarms for mass, distortion" in said
        assert "no difference shown for <i>calc</i>" in said
        assert "within a label" in said


def test_guarantees_are_counted_and_never_joined(run):
    results = as_several(run[1], "multilabel", NAMES[:3])
    for one, held in zip(results["classes"], (True, True, False), strict=True):
        one["threshold"]["guaranteed"] = held
    said = sentences.by_itself(Several.read(results))
    assert said.startswith("2 of 3 thresholds carry a guarantee. Each holds by itself")
    for one in results["classes"]:
        one["threshold"]["guaranteed"] = False
    assert sentences.by_itself(Several.read(results)) == "No threshold carries a guarantee."


def test_the_counts_of_all_thresholds_are_said(run):
    said = sentences.together(Several.read(as_several(run[1], "multiclass", NAMES[:2])))
    assert "58 of 60 critical cases" in said
    assert "300 of 2,000 cases of no critical class (15.0%)" in said
    assert "7 of the flagged" in said


def test_without_a_fully_known_harmless_case_no_rate_is_made_up(run):
    results = as_several(run[1], "multilabel", NAMES[:2])
    results["together"] |= {"negatives": 0, "false_alarms": 0}
    assert "%" not in sentences.together(Several.read(results))


def test_the_page_escapes_names_and_links_every_class(several):
    _, results, page = several
    assert "<i>calc" not in page
    for number, _ in enumerate(results["classes"], start=1):
        assert f'id="class-{number}"' in page
        assert f'href="#class-{number}"' in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    assert ("Among all classes" in page) == (results["task"]["kind"] == "multiclass")


def test_curves_are_drawn_from_the_columns_of_the_stored_scores(several, tmp_path):
    source, results, page = several
    folder, plain = tmp_path / "run", page.count("<svg")
    shutil.copytree(source, folder)
    for method in results["methods"]:
        binary = np.load(folder / method["scores"])
        n, columns = len(binary["test_scores"]), results["task"]["classes"]
        scores = np.repeat(binary["test_scores"][:, None], columns, axis=1)
        if results["task"]["kind"] == "multilabel":
            targets = np.repeat(binary["test_targets"][:, None].astype(float), columns, axis=1)
            targets[-n // 10 :] = np.nan  # critical ones come first
        else:
            targets = np.where(
                binary["test_targets"] == 1, np.arange(n) % (columns - 1), columns - 1
            )
        np.savez(folder / method["scores"], test_scores=scores, test_targets=targets)
    drawn = write_report(folder).read_text(encoding="utf-8").count("<svg")
    assert drawn == plain + 2 * len(results["classes"])


@pytest.mark.parametrize("damage", ["gone", "flat", "infinite", "one side"])
def test_scores_that_cannot_be_drawn_are_left_out(run, tmp_path, damage):
    found = Several.read(as_several(run[1], "multilabel", NAMES[:2]))
    method = found.overall.winner
    scores, targets = np.zeros((4, 2)), np.array([[0, 1], [1, 0], [1, 1], [0, 0.0]])
    folder = tmp_path / "damaged"
    (folder / "scores").mkdir(parents=True)
    if damage == "flat":
        scores = scores[:, 0]
    if damage == "infinite":
        scores[0, 0] = np.inf
    if damage == "one side":
        targets[:, 0] = 1
    if damage != "gone":
        np.savez(folder / method.scores, test_scores=scores, test_targets=targets)
    assert read_view_scores(folder, method, "multilabel", 0, [0, 1]) is None


@pytest.mark.parametrize("key", ["classes", "together"])
def test_incomplete_results_are_refused_in_words(run, key):
    results = as_several(run[1], "multilabel", NAMES[:2])
    del results[key]
    with pytest.raises(RunError, match="incomplete or damaged"):
        terminal_table(results)


def test_every_class_has_its_plain_reading_and_what_it_does_in_use(several):
    _, results, page = several
    number = len(results["classes"])
    assert page.count("In plain words:") == number
    assert page.count("in use: alarms, probabilities, subgroups, cases</summary>") == number
    assert page.count("<h3>What to expect in use</h3>") == number
    assert page.count('aria-label="Decision curve.') == number


def test_a_class_without_findings_in_use_has_no_such_part(run):
    folder, results, _ = run
    results = as_several(results, "multiclass", NAMES[:1])
    for one in results["classes"]:
        one["insights"] = None
    write_json(folder / "results.json", results)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "In plain words:" not in page
    assert "in use: alarms" not in page
