"""The style sheet's promises: contrast in both themes, nothing wider than the screen."""

import re
from importlib.resources import files

import pytest

CSS = files("rarecall.report").joinpath("templates/report.css").read_text(encoding="utf-8")


def themes():
    blocks = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks)
    return {"light": light, "dark": dark}


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_known_colours_is_known():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "muted", "winner", "baseline", "reference"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
def test_text_can_be_read(theme, ink, ground):
    colours = themes()[theme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["warn", "ok"])
def test_text_in_boxes_can_be_read(theme, ground):
    colours = themes()[theme]
    assert contrast(colours["ink"], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("line", ["other", "critical", "harmless"])
def test_lines_of_charts_can_be_seen(theme, line):
    colours = themes()[theme]
    assert contrast(colours[line], colours["paper"]) >= 3


def test_both_themes_name_the_same_colours():
    assert themes()["light"].keys() == themes()["dark"].keys()


def test_every_colour_used_is_defined():
    from rarecall.report.charts.svg import VARIABLES

    used = set(re.findall(r"var\(--([\w-]+)\)", CSS)) | {v[2:] for v in VARIABLES.values()}
    assert used <= themes()["light"].keys()
