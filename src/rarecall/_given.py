"""How options are read: names, lists, shares and methods, as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall._asked import WORDS, Kind, asked_kind
from rarecall.errors import MethodError, did_you_mean
from rarecall.recipes import RECIPES

if TYPE_CHECKING:
    from pydantic import ValidationInfo

DEFAULT_METHODS = ("bce", "w-bce", "bce+balanced", "a-fl", "bce+alm", "bce+rankreg", "bce+replay")
USUAL: dict[str, tuple[str, ...]] = {
    "binary": DEFAULT_METHODS,
    "multiclass": (
        "ce",
        "cb-ce",
        "a-fl",
        "vs",
        "ldam",
        "ce+alm",
        "ce+rankreg",
        "ce+replay",
        "ce+balanced",
    ),
    "multilabel": ("bce", "w-bce", "a-fl", "auc-margin", "bce+alm"),
}
PARTS = ("train", "validation", "calibration", "test")
_INSTEAD = {
    "multiclass": {"bce": "ce", "w-bce": "cb-ce", "cb-bce": "cb-ce"},
    "multilabel": {"ce": "bce", "cb-ce": "cb-bce"},
    "binary": {"ce": "bce", "cb-ce": "cb-bce"},
}


def as_text(value: object) -> object:
    # A label or column name that is a number in YAML is still a name.
    return str(value) if isinstance(value, (int, float)) else value


def as_words(value: object) -> object:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return tuple(value) if isinstance(value, (list, tuple)) else value


def as_names(value: object, info: ValidationInfo) -> object:
    """Read one name, or several: a list, or words with commas between them.

    With ``task: binary`` a comma is part of the name, as it is in a list.
    """
    if isinstance(value, str) and "," in value and info.data.get("task") != "binary":
        value = [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, (list, tuple)):
        value = as_text(value)
        if not isinstance(value, str):
            raise ValueError(f"must be text, or a list of texts, but {value!r} came.")
        return value
    names = tuple(as_text(word) for word in value)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"must be text, or a list of texts, but {value!r} came.")
    # A single name is kept apart from a list only where its comma would be read anew.
    return names if len(names) > 1 or "," in str(names[0]) else names[0]


def as_shares(value: object) -> object:
    """Read ``"0.4,0.2,0.2,0.2"``, as the command line gives it."""
    if not isinstance(value, str):
        return value
    parts = value.split(",")
    try:
        return dict(zip(PARTS, map(float, parts), strict=True))
    except ValueError:
        raise ValueError(
            f"must be four numbers, for {', '.join(PARTS)}, as 0.4,0.2,0.2,0.2, but {value!r} came."
        ) from None


def as_path(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def usual_methods(value: object, info: ValidationInfo) -> object:
    """Put the usual set of the kind of problem where no methods are named."""
    if value is not None:
        return value
    return USUAL[
        asked_kind(
            info.data.get("task", "auto"),
            listed(info.data.get("target")),
            listed(info.data.get("critical")),
        )
    ]


def listed(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else names


def known_methods(names: tuple[str, ...]) -> tuple[str, ...]:
    from rarecall.methods import parse

    problems, seen = [], []
    for name in names:
        try:
            canonical = name if name in RECIPES else parse(name).name
        except MethodError as error:
            problems.append(str(error))
            continue
        if canonical in seen:
            problems.append(f"{canonical!r} is named twice.")
        seen.append(canonical)
    if problems:
        raise ValueError(" ".join(problems))
    return tuple(seen)


def known_parameters(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    from rarecall.methods import parse

    problems, checked = [], {}
    for name, parameters in given.items():
        if name in RECIPES:
            problems.append(
                f"{name!r} is a recipe and brings its own parameters. Name the method that it "
                "stands for instead (`rarecall methods recommended` shows it)."
            )
            continue
        try:
            method = parse(name)
        except MethodError as error:
            problems.append(str(error))
            continue
        for key in parameters:
            if key not in method.parameters:
                hint = did_you_mean(key, method.parameters)
                problems.append(
                    f"{name!r} has no parameter {key!r}.{hint}"
                    f" It has: {', '.join(method.parameters) or 'none'}."
                )
        if not problems:
            # Building it is the only full check of the values, and it is cheap.
            try:
                method.build(parameters)
            except (TypeError, ValueError) as error:
                problems.append(f"{name!r}: {error}")
        checked[method.name] = dict(parameters)
    if problems:
        raise ValueError(" ".join(problems))
    return checked


def refusal(name: str, kind: Kind) -> str:
    """Say why a method does not fit the kind of problem, and which does; empty where it fits."""
    from rarecall.methods import parse

    if name in RECIPES:
        return ""
    method = parse(name)
    if kind in method.tasks:
        return ""
    made = " and ".join(WORDS[other] for other in method.tasks)
    parts = (method.loss, *method.terms, *method.options)
    narrow = [part.name for part in parts if kind not in part.tasks]
    because = "" if narrow in ([], [name]) else f" (because of {', '.join(narrow)})"
    hint = ""
    for loss, other in _INSTEAD[kind].items():
        if loss in narrow:
            instead = ">".join(
                "+".join(other if word == loss else word for word in stage.split("+"))
                for stage in method.name.split(">")
            )
            try:
                fits = kind in parse(instead).tasks
            except MethodError:
                fits = False
            hint = f" Use {instead!r}." if fits else ""
    return f"{name!r} is for {made} tasks{because}, and this one is {WORDS[kind]}.{hint}"
