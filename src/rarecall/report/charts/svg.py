"""matplotlib figures made fit for the page: themed, small, safe and accessible.

Figures are drawn in *sentinel* colours, which become CSS variables, so that one drawing serves
light and dark. Text stays text, in the page's own font. User text enters only here, as XML text, so
that nothing in it is read as markup or as mathematics.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

INK = "#f00001"
MUTED = "#f00002"
LINE = "#f00003"
WINNER = "#f00004"
BASELINE = "#f00005"
REFERENCE = "#f00006"
OTHER = "#f00007"
CRITICAL = "#f00008"
HARMLESS = "#f00009"
PAPER = "#f0000a"

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    WINNER: "--winner",
    BASELINE: "--baseline",
    REFERENCE: "--reference",
    OTHER: "--other",
    CRITICAL: "--critical",
    HARMLESS: "--harmless",
    PAPER: "--paper",
}

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_DECIMALS = re.compile(r"-?\d+\.\d{2,}")


def token(number: int) -> str:
    """Stand in for user text while matplotlib draws.

    >>> token(3)
    '@3@'
    """
    return f"@{number}@"


def new_figure(width: int, height: int) -> Figure:
    """Make a figure of so many drawing units, one a CSS pixel at natural size."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / 72, height / 72), dpi=72)


def inline(figure: Figure, name: str, alternative: str, texts: Mapping[str, str]) -> Markup:
    """Turn a figure into an ``<svg>`` element for the page.

    Args:
        figure: Drawn in sentinel colours, with tokens where user text belongs.
        name: Prefix of the element's ids, unique on the page.
        alternative: What the figure shows, in words.
        texts: User text by token.

    Returns:
        Markup that may be put into the page as it is.
    """
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ET.fromstring(drawn.getvalue())
    _drop(root, {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"})
    referenced = set(re.findall(r"#([\w.-]+)", " ".join(_references(root))))
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        element.attrib = dict(_attributes(element.attrib, name, referenced))
        element.tail = None
        if element.tag == "text":
            element.text = _fill(element.text or "", texts)
        else:
            element.text = None
    _unwrap(root)
    view = root.attrib["viewBox"]
    root.attrib = {
        "class": "chart",
        "viewBox": view,
        "role": "img",
        "aria-label": alternative,
    }
    return Markup(ET.tostring(root, encoding="unicode"))


def _references(root: ET.Element) -> list[str]:
    return [
        value
        for element in root.iter()
        for key, value in element.attrib.items()
        if key == _LINK or "url(#" in value
    ]


def _attributes(
    attributes: Mapping[str, str], name: str, referenced: set[str]
) -> list[tuple[str, str]]:
    kept = []
    for key, value in attributes.items():
        if key == "id":
            if value in referenced:
                kept.append(("id", f"{name}-{value}"))
        elif key == _LINK:
            kept.append(("href", f"#{name}-{value[1:]}"))
        elif key == "style":
            kept.append(("style", _style(value)))
        elif key == "transform" and value.startswith("rotate(-0 "):
            continue
        else:
            own = value.replace("url(#", f"url(#{name}-")
            kept.append((key, _DECIMALS.sub(_shorter, own).replace("\n", "").strip()))
    return kept


def _style(style: str) -> str:
    """Keep what matters of a style: no font families, variables for sentinel colours."""
    kept = []
    for declaration in filter(None, (part.strip() for part in style.split(";"))):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font":
            size = re.search(r"([\d.]+)px", value)
            if re.search(r"\b(bold|700|600)\b", value):
                kept.append("font-weight:600")
            if size:
                kept.append(f"font-size:{size[1]}px")
        elif key == "font-weight":
            kept.append("font-weight:600" if value in ("bold", "700", "600") else f"{key}:{value}")
        elif key != "font-family":
            for sentinel, variable in VARIABLES.items():
                value = value.replace(sentinel, f"var({variable})")
            kept.append(f"{key}:{_DECIMALS.sub(_shorter, value)}")
    return ";".join(kept)


def _shorter(number: re.Match[str]) -> str:
    text = f"{float(number[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _fill(text: str, texts: Mapping[str, str]) -> str:
    return re.sub(r"@\d+@", lambda found: texts.get(found[0], found[0]), text)


def _drop(element: ET.Element, tags: set[str]) -> None:
    for child in list(element):
        if child.tag in tags:
            element.remove(child)
        else:
            _drop(child, tags)


def _unwrap(element: ET.Element) -> None:
    """Put the children of groups that say nothing in their place, and drop empty drawing."""
    children: list[ET.Element] = []
    for child in list(element):
        _unwrap(child)
        if child.tag == "g" and not child.attrib:
            children += list(child)
        elif not _says_nothing(child):
            children.append(child)
    element[:] = children


def _says_nothing(element: ET.Element) -> bool:
    if element.tag == "defs":
        return not len(element)
    return element.tag == "path" and element.attrib.get("style") == "fill:none"
