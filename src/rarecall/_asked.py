"""Which kind of problem was asked for, by how many label columns and critical labels were named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["binary", "multiclass", "multilabel"]
Asked = Literal["auto", "binary", "multiclass", "multilabel"]

WORDS: dict[str, str] = {
    "binary": "binary",
    "multiclass": "multi-class",
    "multilabel": "multi-label",
}
"""How people write the kinds."""


def asked_kind(task: Asked, targets: Sequence[str], critical: Sequence[str]) -> Kind:
    """Settle the kind of problem; a kind that was named is taken as it is.

    >>> asked_kind("auto", ["a", "b"], []), asked_kind("auto", ["y"], ["8", "9"])
    ('multilabel', 'multiclass')
    >>> asked_kind("auto", ["y"], ["8"])
    'binary'
    """
    if task != "auto":
        return task
    if len(targets) > 1:
        return "multilabel"
    return "multiclass" if len(critical) > 1 else "binary"


def misfits(kind: Kind, targets: Sequence[str], critical: Sequence[str]) -> dict[str, str]:
    """Say what of the names does not fit the kind of problem, by the option's name.

    >>> misfits("multilabel", ["a", "b"], ["a"])["critical"][:35]
    'every label of a multi-label table '
    """
    problems = {}
    for option, names in (("target", targets), ("critical", critical)):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        if twice:
            problems[option] = f"{', '.join(map(repr, twice))} is named twice."
    if kind == "multilabel":
        if len(targets) < 2:
            problems["target"] = (
                "a multi-label task needs two or more columns of labels, comma-separated, as "
                f"edema,fracture; {len(targets) or 'none'} came. One column is a binary task."
            )
        if critical:
            problems["critical"] = (
                "every label of a multi-label table must not be missed, so there is none to name; "
                "leave it out."
            )
        return problems
    if len(targets) > 1:
        problems["target"] = (
            f"a {WORDS[kind]} task has one column of labels, but {len(targets)} came: "
            f"{', '.join(targets)}. Several are a multi-label task. A name that holds a comma is "
            "given as a list, [name], in YAML or Python."
        )
    if kind == "binary" and len(critical) > 1:
        problems["critical"] = (
            f"a binary task has one critical label, but {len(critical)} came: "
            f"{', '.join(critical)}. Several are a multi-class task."
        )
    return problems
