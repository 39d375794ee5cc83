import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from rarecall.errors import RunError
from rarecall.report import write_report

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "$\\frac{1}{",
    "&amp; @0@ ]]>",
)


class Page(HTMLParser):
    """Collects tags, attributes and text, and fails on tags that do not nest."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.references, self.attributes = [], [], [], []
        self.open, self.text, self.chart_texts = [], "", []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "text":
            self.chart_texts.append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        for key, value in attrs:
            self.attributes.append((key, value))
            if key == "id":
                self.ids.append(value)
            if key == "href":
                self.references.append(value.removeprefix("#"))
            if key in ("clip-path", "style") and "url(#" in value:
                self.references.append(value.partition("url(#")[2].partition(")")[0])
            if key == "aria-labelledby":
                self.references += value.split()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data
        if self.open and self.open[-1] == "text":
            self.chart_texts[-1] += data


def page_of(folder):
    path = write_report(folder)
    assert path == folder / "report.html"
    html = path.read_text(encoding="utf-8")
    return html, Page(html)


@pytest.fixture(scope="module")
def plain(stored_run):
    """The page of the run as it is stored; read only."""
    return page_of(stored_run[0])


def labels(page):
    return [value for key, value in page.attributes if key == "aria-label"]


def words(page):
    return " ".join(page.text.replace("\u00a0", " ").split())


def test_the_answer_stands_before_everything_else(stored_run, plain):
    _, results = stored_run
    _, page = plain
    value = next(m for m in results["methods"] if m["name"] == "bce+alm")["test"]["fpr"]["0.95"]
    answer = f"At TPR ≥ 95%, bce+alm flags {100 * value['value']:.1f}% of the harmless"
    assert answer in words(page)
    assert words(page).index(answer) < words(page).index("All methods")


def test_the_page_needs_no_network_and_runs_no_script(plain):
    html, page = plain
    assert "script" not in page.tags
    assert "http" not in html.replace('http-equiv="Content-Security-Policy"', "")
    assert "@import" not in html
    assert not {"src", "srcset", "data", "poster"} & {key for key, _ in page.attributes}
    assert all(value.startswith("#") for key, value in page.attributes if key == "href")


def test_ids_are_unique_and_every_reference_has_its_target(plain):
    _, page = plain
    assert len(page.ids) == len(set(page.ids))
    assert page.references
    assert set(page.references) <= set(page.ids)


def test_the_page_is_light(plain):
    assert 20_000 < len(plain[0].encode()) < 130_000


def test_many_test_samples_do_not_make_the_page_heavy(run):
    folder, results, save = run
    rng = np.random.default_rng(0)
    targets = (rng.random(200_000) < 0.02).astype(int)
    scores = rng.normal(size=len(targets)) + 2.2 * targets
    np.savez(folder / "many.npz", test_scores=scores, test_targets=targets)
    for method in results["methods"]:
        method["scores"] = "many.npz"
    save(folder, results)
    assert write_report(folder).stat().st_size < 180_000


def test_colours_follow_the_theme(plain):
    html, _ = plain
    assert "#f0000" not in html
    for variable in ("winner", "baseline", "reference", "critical", "harmless", "paper"):
        assert f"var(--{variable})" in html


def test_charts_tell_their_content_in_words(plain):
    _, page = plain
    told = labels(page)
    assert page.tags.count("figure") == 6
    assert len([text for text in told if text.endswith(".")]) == 6
    assert any("bce+alm (winner): FPR" in text for text in told)
    assert any("The threshold is" in text for text in told)
    assert any(text.startswith("False positive rate of every method. bce+alm:") for text in told)


def test_the_same_results_give_the_same_bytes(run, plain):
    assert write_report(run[0]).read_bytes() == plain[0].encode()


def test_writing_a_report_leaves_matplotlib_as_it_was(run):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    write_report(run[0])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_from_the_user_is_shown_and_never_read_as_markup(run, hostile):
    folder, results, save = run
    data = results["data"]
    data |= {"name": hostile, "critical": hostile, "target": hostile, "notes": [hostile]}
    data["class_counts"] = {hostile: 3}
    data["columns"] = {hostile: {"kind": hostile}}
    data["split"]["how"] = hostile
    for method in results["methods"]:
        method |= {"name": method["name"] + hostile, "remarks": [hostile]}
        method["parameters"] = {hostile: hostile}
    results["winner"] = {"name": "bce+alm" + hostile, "why": hostile}
    results["question"]["baseline"] = "bce" + hostile
    results["selection"]["message"] = hostile
    results["threshold"]["assumption"] = hostile
    results["config"] = {hostile: [hostile]}
    results["environment"] = {hostile: hostile}
    results["limits"] = [hostile]
    save(folder, results)
    _, page = page_of(folder)
    assert not {"script", "img"} & set(page.tags)
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    assert page.text.count(hostile) >= 20
    assert any(text == f"bce+alm{hostile}" for text in page.chart_texts)
    assert any(f"bce+alm{hostile} (winner): FPR" in told for told in labels(page))


def test_a_name_that_is_no_text_does_not_stop_the_report(run):
    folder, results, save = run
    results["data"]["name"] = "scan\udcff.csv"
    save(folder, results)
    _, page = page_of(folder)
    assert "scan?.csv" in page.text


def test_a_threshold_without_guarantee_says_what_is_missing(run):
    folder, results, save = run
    results["threshold"] |= {"guaranteed": False, "n_positives": 38}
    results["data"]["split"]["parts"]["calibration"]["positives"] = 38
    save(folder, results)
    _, page = page_of(folder)
    text = words(page)
    assert "carries no guarantee" in text
    assert "needs 59 critical cases in the calibration part; there are 38" in text
    assert "21 more critical cases for calibration" in text


def test_the_table_marks_winner_baseline_and_reference(plain):
    html, _ = plain
    assert '<tr class="winner"><th scope="row">bce+alm <span' in html
    assert '<tr class="baseline"><th scope="row">bce <span' in html
    assert '<tr class="reference"><th scope="row">boosted trees <span' in html


def drop_intervals(results):
    for method in results["methods"]:
        for estimate in (*method["test"]["fpr"].values(), method["test"]["auc"]):
            estimate |= {"low": None, "high": None}
        if method["difference"]:
            method["difference"] |= {"low": None, "high": None, "p_value": None, "p_adjusted": None}
    for rate in ("tpr", "fpr"):
        results["threshold"]["test"][rate] |= {"low": None, "high": None}


def one_seed(results):
    results["question"]["seeds"] = 1
    for method in results["methods"]:
        method["seeds"] = method["seeds"][:1]
        for spread in (*method["seed_spread"]["fpr"].values(), method["seed_spread"]["auc"]):
            spread["sd"] = None


def no_differences(results):
    for method in results["methods"]:
        method["difference"] = None


def no_baseline(results):
    no_differences(results)
    results["question"]["baseline"] = "gone"


def images(results):
    del results["data"]["columns"]
    results["data"] |= {"kind": "images", "image_size": [32, 32], "channels": 3}
    results["methods"] = [m for m in results["methods"] if not m["reference"]]


def one_method(results):
    results["methods"] = [m for m in results["methods"] if m["name"] == "bce"]
    results["winner"] = {"name": "bce", "why": ""}


def no_threshold(results):
    results["threshold"] = None


def threshold_without_value(results):
    results["threshold"]["value"] = None


def threshold_without_test(results):
    results["threshold"]["test"] = None


def no_scores(results):
    for method in results["methods"]:
        method["scores"] = None


def scores_gone(results):
    for method in results["methods"]:
        method["scores"] = "scores/gone.npz"


def scores_damaged(results):
    for method in results["methods"]:
        method["scores"] = "results.json"


def no_rates(results):
    for method in results["methods"]:
        method |= {"test": None, "seed_spread": None, "difference": None, "seeds": []}


def no_errors_at_all(results):
    for method in results["methods"]:
        for estimate in method["test"]["fpr"].values():
            estimate |= {"value": 0.0, "low": 0.0, "high": 0.002}


def only_what_is_needed(results):
    for key in ("selection", "threshold", "config", "environment", "limits", "created"):
        del results[key]
    for method in results["methods"]:
        for key in list(method):
            if key != "name":
                del method[key]
    results["data"] = {"split": {"parts": {}}}


@pytest.mark.parametrize(
    "lacking",
    [
        drop_intervals,
        one_seed,
        no_differences,
        no_baseline,
        images,
        one_method,
        no_threshold,
        threshold_without_value,
        threshold_without_test,
        no_scores,
        scores_gone,
        scores_damaged,
        no_rates,
        no_errors_at_all,
        only_what_is_needed,
    ],
)
def test_a_report_is_written_whatever_is_lacking(run, lacking):
    folder, results, save = run
    lacking(results)
    save(folder, results)
    html, page = page_of(folder)
    assert "None" not in page.text
    assert not re.search(r"\bnan\b", html)
    assert "The answer" in page.text
    assert set(page.references) <= set(page.ids)


def test_columns_are_listed_with_shares_in_percent(run):
    folder, results, save = run
    results["data"]["columns"]["area"]["missing_share"] = 0.125
    results["data"]["columns"] |= {f"x{k}": {"kind": "numeric"} for k in range(100)}
    save(folder, results)
    html, page = page_of(folder)
    assert "Columns (105)" in page.text
    assert "<td>0</td><td>12.5%</td><td>900</td>" in html
    assert "And 45 more." in page.text


def test_one_seed_shows_no_spread(run, plain):
    folder, results, save = run
    assert "mean ± sd over seeds" in plain[1].text
    one_seed(results)
    save(folder, results)
    text = page_of(folder)[1].text
    assert "±" not in text
    assert "all seeds together" not in text


def test_without_scores_the_page_has_no_curves(run):
    folder, results, save = run
    no_scores(results)
    save(folder, results)
    _, page = page_of(folder)
    assert page.tags.count("figure") == 4
    assert "Behind the numbers" not in page.text


def test_a_folder_without_results_says_what_to_do(tmp_path):
    with pytest.raises(RunError, match=r"results\.json does not exist\..*--resume"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Cannot read"),
        ("[]", "does not hold the results"),
        ('{"format": 2, "rarecall": "9.9"}', r"format 2.*rarecall 9\.9"),
        ('{"format": 1}', "incomplete or damaged.*'question'"),
    ],
)
def test_results_that_cannot_be_used_are_refused_by_name(tmp_path, content, message):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(RunError, match=message):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_importing_the_report_loads_nothing_heavy():
    code = (
        "import sys, rarecall.report;"
        "heavy = {'torch', 'matplotlib', 'pandas', 'sklearn', 'jinja2', 'numpy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
