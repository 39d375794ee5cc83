"""What is wrong with a protocol, all of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall._mirrors import MIRRORS
from rarecall.data.imbalance import check_imbalance
from rarecall.errors import ConfigurationError, MethodError, did_you_mean
from rarecall.methods import parse
from rarecall.papers.printed import paper_table, table_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rarecall.methods import Method

TRAINING = (
    "optimizer",
    "learning_rate",
    "momentum",
    "weight_decay",
    "batch_size",
    "epochs",
    "steps",
    "patience",
    "schedule",
    "warmup_epochs",
    "clip",
    "augment",
    "smoothing",
    "input_noise",
    "precision",
)
"""What ``training``, ``pretrain`` and a row's or trial's parameters may say of the training."""

KINDS = ("table", "figure", "analysis")
TASKS = ("binary", "multiclass", "multilabel")
CURVES = ("roc", "lines", "bars", "scatter", "heatmap", "histogram")
_SETTING = ("collection", "task", "imbalance", "size", "network", "training", "printed")
_ROW = (
    "method",
    "parameters",
    "by_setting",
    "baseline",
    "training",
    "pretrain",
    "network",
    "members",
    "metadata",
    "printed",
    "tta",
)
_NETWORK = ("name", "options", "weights")
_STAGE = ("stage", "of", "grid", "measure")
_SCALES = ("full", "small", "smoke")


def mistakes_of(told: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    """Name every mistake in a protocol as read from its file.

    Args:
        told: The protocol in plain values.
        known: Names that it may have.

    >>> mistakes_of({"name": "x", "kind": "tabel", "settngs": {}}, ("name", "kind", "settings"))[0]
    "there is no 'settngs'. Did you mean 'settings'?"
    """
    found = _unknown(told, known, "")
    for word in ("name", "paper", "place", "title"):
        if word in known and not told.get(word):
            found.append(f"{word} is missing")
    found += _one_of(told.get("kind", "table"), KINDS, "kind")
    found += _one_of(told.get("vary", "split"), ("split", "seed"), "vary")
    views = told.get("test_views", 0)
    if isinstance(views, bool) or not isinstance(views, int) or views < 0:
        found.append(f"test_views must be a number of augmented copies, not {views!r}")
    found += [
        f"there is no printed table {name!r}.{did_you_mean(name, table_names())}"
        for name in told.get("printed") or ()
        if name not in table_names()
    ]
    for number in ("members", "splits"):
        value = told.get(number, 1)
        if not isinstance(value, int) or value < 1:
            found.append(f"{number} must be a whole number of 1 or more, not {value!r}")
    trained = bool(told.get("rows"))
    if trained != bool(told.get("settings")) or trained == bool(told.get("analysis")):
        found.append("it needs settings and rows, or else an analysis")
    for label, setting in (told.get("settings") or {}).items():
        found += _setting(label, setting)
    for label, row in (told.get("rows") or {}).items():
        found += _row(label, row, told)
    for label, measure in (told.get("measures") or {}).items():
        if not isinstance(measure, dict) or not measure.get("measure"):
            found.append(f"measure {label!r} does not say what is measured")
    for part in ("training", "pretrain"):
        found += _unknown(told.get(part) or {}, TRAINING, f"{part}: ")
    found += _unknown(told.get("network") or {}, _NETWORK, "network: ")
    found += _search(told)
    found += _labels(told)
    if told.get("curves"):
        found += _one_of(told["curves"].get("kind"), CURVES, "curves: kind")
    return found + _unknown(told.get("scales") or {}, _SCALES, "scales: ")


def _unknown(given: Mapping[str, Any], known: Sequence[str], where: str) -> list[str]:
    return [
        f"{where}there is no {word!r}.{did_you_mean(str(word), known)}"
        for word in given
        if word not in known
    ]


def _one_of(value: Any, known: Sequence[str], where: str) -> list[str]:
    if value in known:
        return []
    return [f"{where} must be {', '.join(known)}, not {value!r}"]


def _setting(label: str, setting: Mapping[str, Any]) -> list[str]:
    where = f"setting {label!r}: "
    found = _unknown(setting, _SETTING, where)
    found += _one_of(setting.get("task", "binary"), TASKS, f"{where}task")
    found += _unknown(setting.get("training") or {}, TRAINING, f"{where}training: ")
    found += _unknown(setting.get("network") or {}, _NETWORK, f"{where}network: ")
    if not setting.get("collection"):
        found.append(f"{where}collection, the data set, is missing")
    drawn = dict(setting.get("imbalance") or {})
    try:
        check_imbalance(str(drawn.pop("protocol", None)), drawn)
    except ConfigurationError as error:
        found.append(f"{where}{error}")
    return found


def _row(label: str, row: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    where = f"row {label!r}: "
    found = _unknown(row, _ROW, where)
    if row.get("baseline") not in (None, *told["rows"]):
        found.append(f"{where}its baseline {row['baseline']!r} is no row")
    found += _unknown(row.get("training") or {}, TRAINING, f"{where}training: ")
    found += _unknown(row.get("network") or {}, _NETWORK, f"{where}network: ")
    found += _one_of(row.get("tta", "none"), ("none", *MIRRORS), f"{where}tta")
    by_setting = row.get("by_setting") or {}
    found += _unknown(by_setting, list(told.get("settings") or {}), f"{where}by_setting: ")
    try:
        method = parse(str(row.get("method")))
    except MethodError as error:
        return [*found, f"{where}{error}"]
    for given in (row.get("parameters") or {}, *by_setting.values()):
        found += _wrong_values(method, given, where)
    kinds = {setting.get("task", "binary") for setting in (told.get("settings") or {}).values()}
    unfit = sorted(kinds - set(method.tasks))
    if unfit:
        found.append(f"{where}{method.name} is not made for {' and '.join(unfit)} tasks")
    return found


def _wrong_values(method: Method, given: Mapping[str, Any], where: str) -> list[str]:
    known = (*method.parameters, *TRAINING)
    found = _unknown(given, known, f"{where}parameters: ")
    if found:
        return found
    own = {name: value for name, value in given.items() if name in method.parameters}
    try:
        method.build(own)
        if method.pretrain is not None:
            method.pretrain.build(method.first_stage(own))
    except MethodError as error:
        return [f"{where}{error}"]
    return []


def _search(told: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    names = [stage.get("stage") for stage in told.get("search") or ()]
    found += [f"search: two stages are called {name!r}" for name in _twice(names)]
    rows = told.get("rows") or {}
    for stage in told.get("search") or ():
        where = f"search {stage.get('stage')!r}: "
        found += _unknown(stage, _STAGE, where)
        found += _unknown(dict.fromkeys(stage.get("of") or ()), list(rows), f"{where}of: ")
        if not stage.get("of") or not stage.get("grid"):
            found.append(f"{where}it needs rows, of, and a grid")
            continue
        for name, values in stage["grid"].items():
            if not isinstance(values, list) or not values:
                found.append(f"{where}{name} needs a list of values")
                continue
            for label in stage["of"]:
                if label in rows:
                    found += _wrong_grid(rows[label], name, values, f"{where}{label}: ")
    return found


def _wrong_grid(row: Mapping[str, Any], name: str, values: Iterable[Any], where: str) -> list[str]:
    try:
        method = parse(str(row.get("method")))
    except MethodError:
        return []
    wrong = [_wrong_values(method, {name: value}, where) for value in values]
    return list(dict.fromkeys(line for lines in wrong for line in lines))


def _labels(told: Mapping[str, Any]) -> list[str]:
    """Labels that the printed tables do not have."""
    tables = [paper_table(name) for name in told.get("printed") or () if name in table_names()]
    if not tables:
        return []
    known = {
        "settings": {x for table in tables for x in table.settings},
        "measures": {x for table in tables for x in table.measures},
        "rows": {x for table in tables for x in table.rows},
    }
    found = []
    for part, labels in known.items():
        for label, entry in (told.get(part) or {}).items():
            if label not in labels and entry.get("printed") is not False:
                found.append(
                    f"{part}: the printed tables have no {label!r}.{did_you_mean(label, labels)}"
                )
    return found


def _twice(names: Iterable[Any]) -> list[Any]:
    listed = list(names)
    return sorted({name for name in listed if listed.count(name) > 1}, key=str)
