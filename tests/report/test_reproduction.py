"""The report of a reproduction: page, drawings and terminal, from the stored document alone."""

import copy
import io
import itertools
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from rich.console import Console

from rarecall.errors import RunError
from rarecall.files import read_json, write_json
from rarecall.report.charts.figures import figure_chart
from rarecall.report.charts.series import MOST, look
from rarecall.report.reproduction import print_reproduction, write_reproduction_report
from rarecall.report.reproduction.drawings import groups
from rarecall.reproduction.stored import Reproduction

NOTHING = "made-up data: the numbers mean nothing"
VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "@0@ $x$")
LEVELS = {"98": 0.98, "95": 0.95, "92": 0.92}


def cell(value):
    return {
        "ensemble": value, "low": value - 0.04, "high": value + 0.04,
        "split_mean": value + 0.01, "split_sd": 0.021, "split_low": value - 0.02,
        "split_high": value + 0.03, "single_mean": value + 0.05, "single_sd": 0.033,
        "splits": [value, value + 0.02],
    }  # fmt: skip


def row(label, value, baseline=None):
    measures = [*LEVELS, "AUC"]
    against = {"baseline": baseline, "difference": -0.071, "low": -0.123, "high": -0.02}
    return {
        "label": label,
        "method": "bce+rankreg",
        "parameters": {"rankreg.weight": 0.5} if baseline else {},
        "baseline": baseline,
        "printed": {m: {"value": 0.471, "spread": 0.012, "marked": False} for m in measures},
        "own": {m: cell(value) for m in measures},
        "against": {m: {**against, "p": 0.004, "holm": 0.012} for m in measures}
        if baseline
        else {},
        "training": {"trainings": 4, "steps": 12345, "rows": 678901, "seconds": 125.0},
        "units": {"wanted": 4, "done": 4, "failed": 0},
        "roc": {"fpr": [0.0, 0.1, 0.4, 1.0], "tpr": [0.0, 0.85, 0.96, 1.0]},
        "remarks": [],
    }


def figures():
    values = [0.1, 0.2, None]
    series = [{"label": name, "values": values, "low": values, "high": values} for name in "ab"]
    return [
        {
            "kind": "heatmap", "title": "Map", "x": {"label": "omega", "values": [0.0, 0.5, 1.0]},
            "y": {"label": "tau", "values": [1, 2]}, "z": [[0.8, 0.81, None], [0.9, 0.95, 0.7]],
            "z_label": "AUC",
        },
        {
            "kind": "lines", "title": "Lines", "x": {"label": "noise", "values": [0.0, 0.1, 0.2]},
            "y": {"label": "FPR", "percent": True}, "series": series,
        },
        {
            "kind": "bars", "title": "Bars", "x": {"label": "data", "values": ["u", "v", "w"]},
            "y": {"label": "FPR", "percent": True},
            "series": [{**one, "printed": [0.3, None, 0.4]} for one in series],
        },
        {
            "kind": "scatter", "title": "Points", "x": {"label": "AUC"}, "y": {"label": "gain"},
            "series": [{"label": "set", "x": [0.8, 0.9, None], "y": [0.01, -0.02, 0.5]}],
        },
    ]  # fmt: skip


def document(**changed):
    measures = [
        {"label": label, "measure": "fpr_at_tpr", "tpr": tpr, "better": "lower", "percent": True}
        for label, tpr in LEVELS.items()
    ]
    measures.append({"label": "AUC", "measure": "auc", "better": "higher", "percent": True})
    rows = [row("BCE", 0.521), row("BCE +RankReg", 0.45, "BCE"), row("alone", 0.5)]
    return {
        "format": 1,
        "kind": "reproduction",
        "protocol": "rankreg-table-1",
        "paper": "rankreg",
        "place": "Table 1",
        "title": "Binary CIFAR-10",
        "scale": "small",
        "mode": "strict",
        "rarecall": "0.5.0",
        "created": "2026-11-21T12:00:00+00:00",
        "unfinished": False,
        "confidence": 0.95,
        "data": {"cifar10": {"fingerprint": "ab12", "made_up": False, "counts": {"train": 50000}}},
        "environment": {"python": "3.12"},
        "measures": measures,
        "settings": [{"name": "1:100", "counts": {"train": [4410, 44]}, "rows": rows}],
        "figures": figures(),
        "search": [
            {"stage": "penalty", "row": "BCE", "setting": "1:100", "chosen": {"mu": 1e-4},
             "trials": 12}
        ],
        "doubts": ["printed twice"],
        "notes": ["two splits"],
    } | changed  # fmt: skip


class Page(HTMLParser):
    """Collects tags, ids and text, and fails on tags that do not nest."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.references, self.open = [], [], [], []
        self.text, self.labels = "", []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "svg":
            self.labels.append(found.get("aria-label"))
        self.references += (found.get("aria-labelledby") or "").split()
        self.references += re.findall(r"url\(#([^)]+)\)", found.get("clip-path") or "")
        if (found.get("href") or "").startswith("#"):
            self.references.append(found["href"][1:])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def page(tmp_path, results):
    path = write_reproduction_report(results, tmp_path)
    return Page(path.read_text(encoding="utf-8"))


def plain(text):
    return " ".join(text.replace("−", "-").split())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return page(tmp_path_factory.mktemp("page"), document())


def printed(results, width=80):
    out = io.StringIO()
    print_reproduction(results, Console(file=out, width=width, color_system=None))
    return out.getvalue()


def test_the_page_nests_and_every_reference_has_its_target(whole):
    assert len(whole.ids) == len(set(whole.ids))
    assert set(whole.references) <= set(whole.ids)


def test_the_page_needs_no_script_no_network_and_no_other_file(tmp_path):
    html = write_reproduction_report(document(), tmp_path).read_text(encoding="utf-8")
    assert "<script" not in html
    assert "default-src 'none'" in html
    assert not re.search(r'(src|href)="(?!#)', html)


def test_paper_own_interval_and_difference_stand_side_by_side(whole):
    text = plain(whole.text)
    # The first row: 47.1 with its spread in print, own 52.1, which lies 5.0 above.
    assert "47.1 ± 1.2own +5.0 52.1[48.1, 56.1]" in text


def test_the_difference_to_the_baseline_has_interval_p_value_and_judgement(whole):
    text = plain(whole.text)
    assert "-7.1[-12.3, -2.0]betterp = 0.012 (Holm)" in text
    assert "BCE +RankReg below BCE by 7.1 points at 98% TPR, interval [2.0, 12.3]" in text


def test_spread_over_splits_single_models_and_cost_are_told(whole):
    text = plain(whole.text)
    assert "53.1 ± 2.1[50.1, 55.1]2 splits" in text
    assert "57.1 ± 3.3" in text
    assert "412,345678,9012 min 5 s4 of 4" in text.replace("\n", "")


def test_every_table_and_drawing_says_scale_and_mode(tmp_path):
    found = page(tmp_path, document(scale="smoke", mode="as-published"))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    tables = html.count('<table class="sticky">')
    told = len(re.findall("(?i)scale smoke, as-published", found.text))
    assert told >= tables + html.count("<figcaption>")


def test_every_caption_marks_made_up_data(tmp_path):
    results = document(data={"cifar10": {"made_up": True}})
    html = write_reproduction_report(results, tmp_path).read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html, flags=re.DOTALL)
    assert captions
    assert all(NOTHING in caption.lower() for caption in captions)
    assert "numbers mean nothing" in html.partition("The verdict")[2][:600]
    assert "printed values lie inside" not in html


def test_real_data_is_not_marked_as_made_up(whole):
    assert "ade-up" not in whole.text


def test_an_unfinished_run_is_marked_at_the_top_and_in_its_rows(tmp_path):
    results = document(unfinished=True)
    rows = results["settings"][0]["rows"]
    rows[1]["units"] = {"wanted": 4, "done": 1, "failed": 2}
    rows[2] |= {"units": {"wanted": 4, "done": 0}, "own": {}, "roc": {}, "against": {}}
    text = plain(page(tmp_path, results).text)
    assert "Unfinished: 5 of 12 units are done; 2 failed." in text
    assert "1 of 4 done" in text
    assert "1 of 4, 2 failed" in text
    assert "not run yet" in text
    assert "unfinished" in printed(results)


def test_nothing_measured_yet_is_a_page_too(tmp_path):
    results = document(unfinished=True, figures=[])
    for one in results["settings"][0]["rows"]:
        one |= {"units": {"wanted": 4, "done": 0}, "own": {}, "roc": {}, "against": {}}
        one["training"] = {}
    found = page(tmp_path, results)
    assert "Nothing has been measured yet." in found.text
    assert found.labels == []
    assert "not run yet" in printed(results)


def test_the_least_document_makes_a_page(tmp_path):
    least = {
        key: document()[key]
        for key in ("format", "kind", "protocol", "paper", "place", "title", "scale", "mode")
    }
    least |= {"measures": [], "settings": []}
    assert "rankreg" in page(tmp_path, least).text
    assert "rankreg" in printed(least)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_the_results_is_never_markup(tmp_path, text):
    results = document(title=text, doubts=[text], notes=[text], protocol=text)
    results["settings"][0]["name"] = text
    results["settings"][0]["rows"][2] |= {"label": text, "remarks": [text]}
    results["figures"][1]["series"][0]["label"] = text
    results["figures"][0]["x"]["label"] = text
    results["figures"][2]["x"]["values"][0] = text
    found = page(tmp_path, results)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert found.text.count(text) >= 6
    # No rich markup either: what stands in brackets is printed as it is.
    results["title"] = "[bold]not bold[/bold]"
    assert "[bold]not bold[/bold]" in printed(results)


def test_drawings_say_their_content_in_words(whole):
    assert all(whole.labels)
    said = " ".join(whole.labels)
    assert "BCE: 52.1%, the paper 47.1%" in said
    assert "ROC curves of BCE, BCE +RankReg" in said
    assert "AUC over omega and tau: 0.7000 at worst, 0.9500 at best, at omega 0.5, tau 2" in said
    assert "u: a 10.0% (paper 30.0%)" in said


def test_roc_curves_are_drawn_with_their_baseline():
    found = Reproduction.read(document())
    parted = [(name, [row.label for row in rows]) for name, rows in groups(found.settings[0])]
    assert parted == [
        ("BCE and the rows against it", ["BCE", "BCE +RankReg"]),
        ("the other rows", ["alone"]),
    ]


def test_the_best_cell_of_a_map_follows_the_direction():
    found = figures()[0]
    assert "0.7000 at worst, 0.9500 at best" in figure_chart(found, "m")
    assert "0.9500 at worst, 0.7000 at best" in figure_chart({**found, "better": "lower"}, "m")


def test_a_line_shows_the_papers_values_and_marks_no_long_line():
    one = figures()[1]
    bare = figure_chart(one, "f")
    one["series"][0]["printed"] = [0.4, 0.3, None]
    drawn = figure_chart(one, "f")
    assert "10.0% at 0 (paper 40.0%)" in drawn
    assert drawn.count("<use") == bare.count("<use") + 2
    long = {**one, "x": {"values": list(range(90))}, "series": [{"values": [0.1] * 90}]}
    assert figure_chart(long, "f").count("<use") <= 20


@pytest.mark.parametrize("number", range(4))
def test_a_figure_without_values_is_not_drawn(number):
    one = copy.deepcopy(figures()[number])
    one["z"] = [[None] * 3] * 2
    for series in one.get("series", ()):
        for key in ("values", "x", "y"):
            if key in series:
                series[key] = [None] * 3
    assert figure_chart(one, "f") is None


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "pie"}, {"kind": "lines"}, {"kind": "heatmap", "x": {}, "y": {}, "z": [[1]]},
        {"kind": "bars", "x": 3}, {"kind": "scatter", "series": [{"label": "a"}]},
    ],
)  # fmt: skip
def test_a_figure_in_an_unknown_form_keeps_no_report_from_being_written(tmp_path, broken):
    assert figure_chart(broken, "f") is None
    assert "No value to draw yet." in page(tmp_path, document(figures=[broken])).text


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e6])
def test_figures_of_one_equal_value_are_drawn(value):
    x, y = {"label": "x", "values": [1, 2]}, {"label": "y", "values": [1, 2]}
    series = [{"label": "s", "values": [value, value]}]
    assert figure_chart({"kind": "heatmap", "x": x, "y": y, "z": [[value] * 2] * 2}, "f")
    assert figure_chart({"kind": "lines", "x": x, "y": y, "series": series}, "f")
    assert figure_chart({"kind": "bars", "x": x, "y": y, "series": series}, "f")
    points = [{"label": "s", "x": [value], "y": [value]}]
    assert figure_chart({"kind": "scatter", "x": x, "y": y, "series": points}, "f")


def test_many_series_and_many_cells_still_fit():
    x = {"label": "x", "values": [10.0**k for k in range(-5, 15)]}
    series = [{"label": f"series {k}", "values": [k] * 20} for k in range(MOST + 2)]
    drawn = figure_chart({"kind": "lines", "x": x, "y": {}, "series": series}, "f")
    assert f"series {MOST - 1}" in drawn
    assert f">series {MOST}<" not in drawn
    z = [[k / 20 for k in range(20)]] * 20
    assert figure_chart({"kind": "heatmap", "x": x, "y": x, "z": z}, "f")


def test_neighbouring_series_differ_in_more_than_colour():
    for one, other in itertools.pairwise(map(look, range(MOST))):
        assert one.dashes != other.dashes
        assert one.marker != other.marker


def test_the_terminal_fits_eighty_columns_and_has_both_numbers():
    text = printed(document())
    assert max(map(len, text.splitlines())) <= 80
    assert "52.1 (47.1)" in text
    assert "[48.1, 56.1]" in text
    assert "scale small, strict" in text
    assert "BCE +RankReg below BCE by 7.1 points at 98% TPR" in " ".join(text.split())


def test_the_terminal_parts_many_measures_into_tables_that_fit():
    results = document()
    results["measures"] = [
        {"label": f"class {k}", "measure": "class_accuracy", "better": "higher", "percent": True}
        for k in range(9)
    ]
    text = printed(results)
    assert max(map(len, text.splitlines())) <= 80
    assert "class 8" in text


def test_the_terminal_marks_made_up_data():
    text = " ".join(printed(document(data={"c": {"made_up": True}})).split())
    assert text.lower().count(NOTHING) >= 2


def test_a_measure_that_is_no_rate_keeps_its_unit(tmp_path):
    results = document()
    results["measures"] = [{"label": "AUC", "measure": "auc", "better": "higher", "percent": False}]
    text = plain(page(tmp_path, results).text)
    assert "0.471 ± 0.012own +0.050 0.521[0.481, 0.561]" in text


def test_small_rates_have_a_second_decimal(tmp_path):
    results = document()
    results["settings"][0]["rows"][0]["own"]["98"] |= {"ensemble": 0.0041}
    assert "0.41" in plain(page(tmp_path, results).text)


def test_a_document_read_back_from_disk_gives_the_same_page(tmp_path):
    write_json(tmp_path / "results.json", document())
    first = write_reproduction_report(document(), tmp_path / "a").read_bytes()
    again = write_reproduction_report(read_json(tmp_path / "results.json"), tmp_path / "b")
    assert again.read_bytes() == first


@pytest.mark.parametrize("changed", [{"format": 9}, {"kind": "comparison"}, {"settings": [7]}])
def test_other_documents_are_refused_and_nothing_is_written(tmp_path, changed):
    with pytest.raises(RunError):
        write_reproduction_report(document(**changed), tmp_path)
    with pytest.raises(RunError):
        printed(document(**changed))
    assert list(tmp_path.iterdir()) == []


def test_importing_the_report_loads_nothing_heavy():
    code = (
        "import sys, rarecall.report.reproduction; "
        "print([m for m in ('torch', 'matplotlib', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_column_of_single_networks_compares_their_mean_and_tests_nothing(tmp_path):
    results = document()
    results["measures"] = [{**results["measures"][0], "of": "single"}]
    text = plain(page(tmp_path, results).text)
    assert "FPR at 98% TPR, single networks" in text
    assert "47.1 ± 1.2own +10.0 57.1 ± 3.3" in text
    assert "below BCE by" not in text
    assert "57.1 (47.1)" in printed(results)


def test_values_that_are_all_unknown_count_as_not_run(tmp_path):
    results = document()
    empty = dict.fromkeys(cell(0.5))
    results["settings"][0]["rows"][1] |= {
        "own": dict.fromkeys([*LEVELS, "AUC"], empty), "against": {}, "roc": None,
        "units": {"wanted": 4, "done": 0},
    }  # fmt: skip
    text = plain(page(tmp_path, results).text)
    assert "No difference measured between BCE +RankReg and BCE at 98% TPR." in text


def test_the_heading_cites_the_paper(tmp_path):
    cited = "Mohammadi, Zhao, Zhai and Tung, Ranking Regularization for Rare Classes, CVPR 2023"
    text = plain(page(tmp_path, document(citation=cited)).text)
    assert "of Mohammadi et al., CVPR 2023" in text
    assert cited in text
    shown = printed(document(citation=cited))
    assert "of Mohammadi et al., CVPR 2023" in shown
    assert "Ranking Regularization for Rare Classes" in shown


def test_a_roc_curve_of_several_splits_says_that_it_is_their_mean(tmp_path):
    told = document()
    one = page(tmp_path, told)
    for row_told in told["settings"][0]["rows"]:
        curve = row_told["roc"]
        curve |= {"low": [x / 2 for x in curve["fpr"]], "high": curve["fpr"], "splits": 3}
    several = page(tmp_path, told)
    labels = " ".join(filter(None, several.labels))
    assert "Mean of 3 splits, with the band that holds them all, on test" in plain(several.text)
    assert "Lines are means over splits" in labels
    assert "Mean of" not in one.text
    assert "On test, where the table looks" in plain(one.text)


def test_positives_of_labels_are_told_by_name(tmp_path):
    told = document()
    told["settings"][0] |= {
        "task": "multilabel",
        "labels": ["Edema", "Effusion"],
        "sizes": {"train": 1200, "test": 40},
        "counts": {"train": [300, 45], "test": [9, 2]},
    }
    text = plain(page(tmp_path, told).text)
    assert "Samples: train 1,200; test 40." in text
    assert "Positives in train, test: Edema 300, 9; Effusion 45, 2." in text
    assert "Negatives and positives" not in text
    assert "DeLong" not in text
    assert "paired resampling of the test samples" in text


def test_units_that_failed_for_good_are_not_called_unfinished(tmp_path):
    told = document(unfinished=False)
    rows = told["settings"][0]["rows"]
    rows[1]["units"] = {"wanted": 4, "done": 1, "failed": 3}
    text = plain(page(tmp_path, told).text)
    assert "3 of" in text
    assert "are not tried again" in text
    assert "Unfinished" not in text
    assert "3 of 4 failed" in text
    rows[1]["units"] = {"wanted": 4, "done": 0, "failed": 4}
    assert "all 4 failed" in printed(told)


def test_a_map_of_one_line_is_drawn():
    values = {"label": "gamma", "values": [0.0, 0.1, 0.2]}
    for x, y, z in (
        (values, {"label": "tau", "values": [2.0]}, [[0.6, 0.7, 0.65]]),
        ({"label": "tau", "values": [2.0]}, values, [[0.6], [0.7], [0.65]]),
    ):
        told = {"kind": "heatmap", "title": "one", "x": x, "y": y, "z": z, "z_label": "auc"}
        assert figure_chart({**told, "percent": True, "better": "higher"}, "f") is not None


def test_what_the_paper_does_not_print_has_no_empty_column_and_no_mark(tmp_path):
    told = document()
    rows = [one for setting in told["settings"] for one in setting["rows"]]
    for one in rows:
        del one["printed"]["95"]
    text = plain(page(tmp_path, told).text)
    assert "not in the paper" in text
    # Of four measures, three have a column for the paper.
    assert text.count("paperownownpaperownpaperown") == 2
