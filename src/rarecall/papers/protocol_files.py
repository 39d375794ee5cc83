"""The protocol files: where they lie, what they share, and how one is put over another.

A file may leave out what its paper's file of defaults, ``_alm.yaml``, says. There, ``common`` holds
for every protocol of the paper, ``parts`` for those that name them (``uses``), and ``library``, of
the paper or of a part, holds rows, settings and measures that files pick by label: ``rows: [BCE]``.
``like`` starts from another protocol. A row with a ``grid`` is one row for every combination.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from importlib import resources
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall._yaml import read_yaml
from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.papers.printed import paper_table, table_names
from rarecall.recipes import RECIPES, find_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAPERS = ("alm", "alm-v1", "rankreg", "lct", "deep-auc")
"""In the order of the listing."""

_PICKED = ("rows", "settings", "measures")
_WHOLE = {"method", "collection", "measure"}
"""One of these is in every entry that stands by itself."""

# Of the images that the papers' protocols for two and more classes train on.
_SPEC = {"kind": "images", "size": (32, 32)}

_NAME = re.compile(
    r"(?P<paper>[a-z0-9-]+?)-(?:table|figure|correlation|comparison)(?:-(?P<number>\d+))?"
)


def merged(
    below: Mapping[str, Any], above: Mapping[str, Any], *, nulls: bool = False
) -> dict[str, Any]:
    """Put one mapping over another: mappings are merged, anything else replaced, null taken out.

    Args:
        below: What holds where ``above`` says nothing.
        above: What goes before it.
        nulls: Keep null instead, for a later merge; so it is inside ``scales``.

    >>> merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None, "e": 4}})
    {'a': {'c': 2, 'e': 4}, 'd': 3}
    """
    made = {key: deepcopy(value) for key, value in below.items()}
    for key, value in above.items():
        under = made.get(key)
        if isinstance(value, dict) and key != "schedule":
            if not isinstance(under, dict) or under.get("protocol") != value.get(
                "protocol", under.get("protocol")
            ):
                # The parameters of one protocol mean nothing to another.
                under = {}
            made[key] = merged(under, value, nulls=nulls or key == "scales")
        elif value is None and not nulls:
            made.pop(key, None)
        else:
            made[key] = deepcopy(value)
    return made


def picked(
    there: Mapping[str, Any],
    wanted: Sequence[str | Mapping[str, Any]] | Mapping[str, Any],
    where: str,
) -> dict[str, Any]:
    """Pick entries by label.

    Args:
        there: What can be picked.
        wanted: A list picks those, in its order; an item ``{label: changes}`` also changes the
            entry, or adds it where it says a whole one. A mapping picks nothing: it changes
            entries, and may add some.
        where: For the error.

    Raises:
        ConfigurationError: One of a list is not there.

    >>> there = {"a": {"x": 1}, "b": {"x": 2}}
    >>> picked(there, [{"b": {"x": 3}}], "here"), picked(there, {"b": {"x": 3}}, "here")
    ({'b': {'x': 3}}, {'a': {'x': 1}, 'b': {'x': 3}})
    """
    if isinstance(wanted, dict):
        return merged(there, wanted)
    made: dict[str, Any] = {}
    for item in wanted:
        changes = dict(item) if isinstance(item, dict) else {str(item): {}}
        for label, change in changes.items():
            if label not in there and not set(change or ()) & _WHOLE:
                raise ConfigurationError(
                    f"{where}: there is no {label!r}.{did_you_mean(label, there)} There are "
                    f"{', '.join(there)}."
                )
            made[label] = merged(there.get(label, {}), change or {})
    return made


def kept_stages(
    stages: Sequence[Mapping[str, Any]], rows: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Keep what a search does for rows that are there.

    >>> kept_stages([{"stage": "a", "of": ["x", "y"]}, {"stage": "b", "of": ["y"]}], {"x": {}})
    [{'stage': 'a', 'of': ['x']}]
    """
    kept = [{**stage, "of": [row for row in stage["of"] if row in rows]} for stage in stages]
    return [stage for stage in kept if stage["of"]]


def names_of_files() -> tuple[str, ...]:
    """Name the built-in protocols: by paper, tables before figures, then by number."""
    return _names()


@cache
def _names() -> tuple[str, ...]:
    found = [path.stem for path in _folder().iterdir() if not path.name.startswith("_")]

    def place(name: str) -> tuple[int, int, int]:
        match = _NAME.fullmatch(name)
        assert match is not None
        kind = ("table" not in name) + (name.endswith(("correlation", "comparison")))
        return PAPERS.index(match["paper"]), kind, int(match["number"] or 0)

    return tuple(sorted(found, key=place))


def read_description(source: str | Path) -> dict[str, Any]:
    """Read a protocol file with all that it leaves to others.

    Args:
        source: Name of a built-in protocol, or a file's path.

    Raises:
        DataError: There is no such file.
        ConfigurationError: It is no YAML, or names a part, row, setting or measure that is not
            there.
    """
    path = source if isinstance(source, Path) or "/" in source or "." in source else None
    told = read_yaml(_folder() / f"{source}.yaml" if path is None else path)
    name = str(told.get("name", source if path is None else Path(path).stem))
    match = _NAME.match(name)
    prefix = match["paper"] if match else ""
    defaults = _defaults(prefix) if prefix in PAPERS else {}
    base = dict(defaults.get("common") or {})
    like = told.pop("like", None)
    if like is not None:
        base = read_description(str(like))
        ours = [doubt for name in base["printed"] for doubt in paper_table(name).doubts]
        base["doubts"] = [doubt for doubt in base.get("doubts", []) if doubt not in ours]
        for own in ("printed", "place", "title", "name"):
            base.pop(own, None)
    library = {part: (defaults.get("library") or {}).get(part, {}) for part in _PICKED}
    for part in told.pop("uses", None) or []:
        parts = defaults.get("parts") or {}
        if part not in parts:
            raise ConfigurationError(
                f"{name} uses {part!r}, but its paper has {', '.join(parts) or 'no parts'}."
            )
        used = dict(parts[part])
        library = merged(library, used.pop("library", None) or {})
        base = _laid_over(base, used, library, name)
    own_search = "search" in told
    made = _laid_over(base, told, library, name)
    made["rows"] = _expanded(_with_recipes(made))
    if not own_search:
        made["search"] = kept_stages(made.get("search") or [], made["rows"])
    if path is not None:
        _place_weights(made, Path(path).parent)
    return _with_place(made, name)


def _place_weights(told: Mapping[str, Any], folder: Path) -> None:
    """Files of weights are named as seen from the protocol's own file."""
    entries = [told, *(told.get("settings") or {}).values(), *(told.get("rows") or {}).values()]
    for entry in entries:
        network = entry.get("network") if isinstance(entry, dict) else None
        if isinstance(network, dict) and network.get("weights"):
            network["weights"] = str(folder / str(network["weights"]))


def _laid_over(
    base: Mapping[str, Any], told: Mapping[str, Any], library: Mapping[str, Any], name: str
) -> dict[str, Any]:
    told, base = dict(told), dict(base)
    for part in _PICKED:
        given = told.pop(part, None)
        if isinstance(given, list):
            base[part] = picked(
                {**library[part], **(base.get(part) or {})}, given, f"{name}, {part}"
            )
        elif given is not None:
            before = base.get(part) or {}
            new = {x: library[part][x] for x in given if x in library[part] and x not in before}
            base[part] = picked({**before, **new}, given, name)
    if told.get("doubts"):
        told["doubts"] = [*base.get("doubts", []), *told["doubts"]]
    return merged(base, told)


def _with_recipes(told: Mapping[str, Any]) -> dict[str, Any]:
    """Put in place of a recipe's name what it stands for; what a row says beside it wins."""
    settings = list((told.get("settings") or {}).values())
    problem: Any = settings[0].get("task", "binary") if settings else "binary"
    rows: dict[str, Any] = {}
    for label, row in (told.get("rows") or {}).items():
        if row.get("method") not in RECIPES:
            rows[label] = row
            continue
        found = find_recipe(row["method"], _SPEC, problem)
        stands = {
            "parameters": dict(found.parameters),
            "training": dict(found.training),
            "tta": found.tta,
        }
        rows[label] = merged(stands, {**row, "method": found.method})
    return rows


def _expanded(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Make one row of every combination where a row has a ``grid``."""
    made: dict[str, Any] = {}
    for label, row in rows.items():
        grid = row.pop("grid", None)
        if not grid:
            made[label] = row
            continue
        for values in product(*grid.values()):
            chosen = dict(zip(grid, values, strict=True))
            words = ", ".join(f"{key.rpartition('.')[2]} {_shown(x)}" for key, x in chosen.items())
            parameters = {**(row.get("parameters") or {}), **chosen}
            made[f"{label}, {words}"] = {**deepcopy(row), "parameters": parameters}
    return made


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key.rpartition('.')[2]} L{tuple(x)}" for key, x in value.items())
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _with_place(told: dict[str, Any], name: str) -> dict[str, Any]:
    """Take place and title from the printed table, where the file does not say them."""
    printed = told.get("printed")
    if printed is None and name in table_names():
        told["printed"] = printed = [name]
    if printed and printed[0] in table_names():
        table = paper_table(printed[0])
        own = {"paper": table.paper, "place": table.place, "title": table.title}
        told = {**own, **told}
        told["doubts"] = [*table.doubts, *(told.get("doubts") or [])]
    return {"name": name, **told}


@cache
def _defaults(prefix: str) -> dict[str, Any]:
    # Never changed: whatever is taken from it is copied in the merge.
    return read_yaml(_folder() / f"_{prefix}.yaml")


def _folder() -> Path:
    return Path(str(resources.files("rarecall.papers") / "protocols"))
