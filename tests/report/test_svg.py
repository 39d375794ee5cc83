import re

from rarecall.report.charts import svg
from rarecall.report.charts.style import STYLE, percent_axis


def draw(texts, name="x"):
    from matplotlib import rc_context

    with rc_context(STYLE):
        figure = svg.new_figure(200, 100)
        axes = figure.add_axes((0.1, 0.2, 0.8, 0.7))
        axes.plot([0, 0.123456789, 1], [0, 0.5, 1], color=svg.WINNER)
        axes.text(0.5, 0.5, svg.token(0), weight="bold")
        axes.text(0.5, 0.2, svg.token(1))
        percent_axis(axes, "x")
        return svg.inline(figure, name, 'a "drawing" <b>', texts)


def test_a_name_that_looks_like_a_token_is_not_filled_again():
    drawn = draw({"@0@": "@1@", "@1@": "second"})
    assert ">@1@</text>" in drawn
    assert drawn.count(">second</text>") == 1


def test_names_and_descriptions_are_escaped():
    drawn = draw({"@0@": "<b>&", "@1@": "]]>"})
    assert "&lt;b&gt;&amp;" in drawn
    assert "<b>" not in drawn
    assert 'aria-label="a &quot;drawing&quot; &lt;b&gt;"' in drawn


def test_colours_become_variables_and_fonts_those_of_the_page():
    drawn = draw({})
    assert "stroke:var(--winner)" in drawn
    assert "#f0000" not in drawn
    assert "DejaVu" not in drawn
    assert "font-weight:600" in drawn


def test_two_drawings_share_no_ids():
    first, second = draw({}, "one"), draw({}, "two")
    ids = [set(re.findall(r' id="([^"]+)"', drawn)) for drawn in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_numbers_have_one_decimal_at_most():
    assert not re.search(r"\d\.\d\d", re.sub(r'style="[^"]*"', "", draw({})))


def test_rates_on_an_axis_are_percent():
    assert ">20%</text>" in draw({})
