"""The sections on a model in use: there where their findings are, safe whatever they hold."""

from __future__ import annotations

import base64
import copy
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from rarecall.report import write_report
from rarecall.report.in_use.cases import picture
from rarecall.report.in_use.view import in_use_content
from rarecall.report.stored import Comparison

HEADINGS = {
    "alarms": "What to expect in use",
    "probability": "Scores as probabilities",
    "subgroups": "Subgroups",
    "misses": "Hardest misses",
    "false_alarms": "Worst false alarms",
    "claims": "How many cases stand behind each claim",
}
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "&amp;")


class Outline(HTMLParser):
    """Text by section, attributes, and what stands outside a box that scrolls."""

    def __init__(self, html):
        super().__init__()
        self.sections, self.attributes, self.tags, self.stack = {}, [], [], []
        self.text, self.loose_tables, self.heading = "", 0, None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.handle_data(" ")
        self.tags.append(tag)
        self.attributes += attrs.items()
        if tag == "section":
            self.heading = attrs["aria-labelledby"]
            self.sections[self.heading] = ""
        if tag not in ("meta", "br", "img"):
            self.stack.append((tag, attrs.get("class") or ""))
        if tag == "table" and not any("scroll" in name.split() for _, name in self.stack):
            self.loose_tables += 1

    def handle_endtag(self, tag):
        self.stack.pop()
        if tag == "section":
            self.heading = None

    def handle_data(self, data):
        if self.stack and self.stack[-1][0] not in ("style", "h2"):
            self.text += data
            if self.heading:
                self.sections[self.heading] += data
        elif self.stack and self.stack[-1][0] == "h2":
            self.text += data


def page(folder):
    html = write_report(folder).read_text(encoding="utf-8")
    return html, Outline(html)


def words(text):
    return " ".join(text.replace("\u00a0", " ").split())


def thumbnail(side=96):
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def test_every_finding_has_its_section_and_the_plain_reading_comes_first(run):
    _, found = page(run[0])
    text = words(found.text)
    for heading in HEADINGS.values():
        assert heading in text
    assert text.index("In plain words: Of 1000 cases in use") < text.index("All methods")
    assert text.index("At TPR ≥ 95%, bce+alm flags") < text.index("In plain words")


@pytest.mark.parametrize("missing", HEADINGS)
def test_a_missing_finding_leaves_no_empty_section(run, missing):
    folder, results, save = run
    results["insights"][missing] = None
    if missing == "probability":
        results["insights"]["decision_curve"] = None
    save(folder, results)
    _, found = page(folder)
    assert HEADINGS[missing] not in found.text
    assert all(words(text) for text in found.sections.values())


def test_without_any_findings_the_page_is_as_before(run):
    folder, results, save = run
    results["insights"] = None
    save(folder, results)
    _, found = page(folder)
    assert not any(heading in found.text for heading in HEADINGS.values())
    assert "In plain words" not in found.text


@pytest.mark.parametrize("value", [None, {}, [], "text", 7, [None], [{}], {"value": "x"}, True])
def test_damaged_findings_are_left_out_and_never_stop_the_report(run, value):
    folder, results, save = run
    whole = results["insights"]
    for key in whole:
        results["insights"] = copy.deepcopy(whole) | {key: value}
        told = repr(in_use_content(Comparison.read(results)))
        assert "'None'" not in told, key
        assert not re.search(r"\bnan\b", told), key
    for method in results["methods"]:
        method["scores"] = None
    results["insights"] = dict.fromkeys(whole, value)
    save(folder, results)
    assert "The answer" in page(folder)[1].text


@pytest.mark.parametrize("value", [None, {}, [], "text", 7, [None], [{}], -1.5, 1e999, True])
def test_damaged_pieces_of_findings_are_left_out_too(stored_run, value):
    whole = stored_run[1]["insights"]
    for key, piece in whole.items():
        keys = piece if isinstance(piece, dict) else piece[0] if isinstance(piece, list) else ()
        for inner in keys:
            damaged = copy.deepcopy(whole)
            inside = damaged[key][0] if isinstance(piece, list) else damaged[key]
            inside[inner] = value
            results = stored_run[1] | {"insights": damaged}
            told = in_use_content(Comparison.read(results))
            assert told is not None
            assert not re.search(r"\bnan\b", repr(told)), (key, inner)


def test_the_table_of_alarms_holds_the_counts_and_what_their_intervals_follow_from(run):
    folder, results, _ = run
    alarms, test = results["insights"]["alarms"], results["threshold"]["test"]
    told = words(page(folder)[1].sections["alarms"])
    for key in ("flagged", "real", "false", "missed"):
        assert f" {alarms[key]:,.1f} " in told
    low, high = (980 * test["fpr"][end] for end in ("low", "high"))
    assert f"[{low:.1f}, {high:.1f}]" in told
    low, high = (20 * (1 - test["tpr"][end]) for end in ("high", "low"))
    assert f"{high:.1f}]" in told


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_of_cases_and_subgroups_is_shown_and_never_read_as_markup(run, hostile):
    folder, results, save = run
    found = results["insights"]
    for kind in ("misses", "false_alarms"):
        for case in found[kind]:
            case |= {"id": hostile, "group": hostile, "row": {hostile: hostile}}
    for one in found["subgroups"]:
        one |= {"column": hostile, "value": hostile}
    for claim in found["claims"]:
        claim |= {"claim": hostile, "why": hostile}
    found["probability"] |= {"method": hostile, "fitted_on": hostile}
    save(folder, results)
    html, told = page(folder)
    assert "script" not in told.tags
    assert "img" not in told.tags
    assert not [key for key, _ in told.attributes if key.startswith("on")]
    assert told.text.count(hostile) >= 30
    assert "img-src" not in html


def test_pictures_are_shown_from_the_page_itself_only(run):
    folder, results, save = run
    source = thumbnail()
    for case in results["insights"]["misses"]:
        case |= {"thumbnail": source, "row": {}}
    for case in results["insights"]["false_alarms"]:
        case["thumbnail"] = "https://example.org/spy.png"
    save(folder, results)
    html, found = page(folder)
    sources = [value for key, value in found.attributes if key == "src"]
    assert sources == [source] * len(results["insights"]["misses"])
    assert "example.org" not in html
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html
    assert all(value for key, value in found.attributes if key == "alt")


@pytest.mark.parametrize(
    "stored",
    [
        None,
        7,
        "",
        "javascript:alert(1)",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:image/png;base64,not base64!",
        'data:image/png;base64,iVBORw0KGgo="><script>',
        "data:image/png;base64,PHN2Zz4=",
        "data:image/png;base64," + "A" * 100_000,
    ],
)
def test_anything_but_a_small_png_is_no_picture(stored):
    assert picture(stored) is None


def test_a_small_png_is_a_picture():
    assert picture(thumbnail()) == thumbnail()


def test_cases_of_many_columns_unfold_and_many_cases_make_more_tables(run):
    folder, results, save = run
    found = results["insights"]
    case = found["false_alarms"][0]
    rows = {f"column {k}": f"value {k}" for k in range(30)}
    found["false_alarms"] = [{**case, "id": f"case-{k}", "row": rows} for k in range(19)]
    save(folder, results)
    text = words(page(folder)[1].text)
    assert text.count("The other 18 columns") == 3
    assert text.count("value 29") == 19
    assert all(f"case-{k}" in text for k in range(19))


def test_rare_classes_are_counted_among_more_cases_and_not_drawn(run):
    folder, results, save = run
    assert "1000 cases, a sign each" in page(folder)[1].text
    results["insights"]["prevalence"] = {"value": 0.0002, "source": "given"}
    results["insights"]["alarms"] |= {"real": 0.19, "missed": 0.01, "false": 100.0}
    save(folder, results)
    text = words(page(folder)[1].text)
    assert "a sign each" not in text
    assert "Of 100,000 cases in use, about 20 are critical" in text


def test_the_certificate_is_named_where_it_lies(run):
    folder, _, _ = run
    assert "The promise in full" not in page(folder)[1].text
    (folder / "model").mkdir()
    (folder / "model" / "certificate.json").write_text("{}")
    (folder / "certificate.json").write_text("{}")
    said = words(page(folder)[1].text)
    assert "rarecall monitor: certificate.json, model/certificate.json." in said


def test_no_table_is_wider_than_its_box(run):
    assert page(run[0])[1].loose_tables == 0


def test_many_groups_of_probability_off_are_marked(run):
    folder, results, save = run
    for one in results["insights"]["probability"]["bins"]:
        one |= {"mean": 0.5, "rate": 0.1, "low": 0.05, "high": 0.2}
    save(folder, results)
    text = words(page(folder)[1].sections["probabilities"])
    assert "In 10 of them the share that was critical are" not in text
    assert text.count("[5.0, 20.0], off") == 10
