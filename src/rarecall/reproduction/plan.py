"""What a run of a protocol consists of: its settings, its rows, and how one is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.methods import parse
from rarecall.papers.protocol_checks import TRAINING

if TYPE_CHECKING:
    from collections.abc import Sequence


def plain(value: Any) -> Any:
    """Turn records, tuples and mappings into what JSON holds.

    >>> plain({"a": (1, 2)})
    {'a': [1, 2]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        label: As printed.
        method: Name of the method in rarecall's grammar.
        parameters: Values that differ from the defaults: of the method, as ``alm.margin``, or of
            the training, as ``learning_rate``.
        by_setting: Values that go before these in some settings.
        baseline: Label of the row it is compared with, or None.
        more: Whatever else the row says: ``training``, ``network``, ``members``, ``pretrain``,
            ``metadata``.
    """

    label: str
    method: str
    parameters: dict[str, Any]
    by_setting: dict[str, dict[str, Any]]
    baseline: str | None
    more: dict[str, Any]

    def given(self, setting: str) -> dict[str, Any]:
        """Parameters in a setting, before any search."""
        return {**self.parameters, **(self.by_setting.get(setting) or {})}


@dataclass(frozen=True)
class Plan:
    """A protocol at one scale and in one mode, in plain values.

    Attributes:
        description: The resolved protocol, as a mapping.
        asked_rows: Rows wanted, in printed order.
        asked_settings: Settings wanted, in printed order.

    >>> plan = Plan.of({"settings": {"1:9": {}}, "rows": {"BCE": {"method": "bce"}}})
    >>> plan.row("BCE").method, plan.asked_settings, plan.members, plan.splits
    ('bce', ('1:9',), 1, 1)
    """

    description: dict[str, Any]
    asked_rows: tuple[str, ...]
    asked_settings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        description: Any,
        rows: Sequence[str] | None = None,
        settings: Sequence[str] | None = None,
    ) -> Plan:
        """Make the plan of a resolved protocol.

        Args:
            description: The resolved protocol, a record or a mapping.
            rows: Labels as printed, or names of methods; None for all.
            settings: As printed; None for all.

        Raises:
            ConfigurationError: A row or setting is unknown.
        """
        told = plain(description)
        return cls(
            told,
            _chosen(rows, _row_names(told["rows"]), "row"),
            _chosen(settings, {name: [name] for name in told["settings"]}, "setting"),
        )

    def __getitem__(self, name: str) -> Any:
        return self.description[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Give a part of the description, or ``default`` where it is absent or null."""
        found = self.description.get(name)
        return default if found is None else found

    @property
    def members(self) -> int:
        """Networks whose mean score counts as one."""
        return int(self.get("members", 1))

    @property
    def splits(self) -> int:
        """Redraws of the data, or of the seed."""
        return int(self.get("splits", 1))

    @property
    def test_views(self) -> int:
        """Augmented copies of a test sample, for measures of their mean score; 0 for none."""
        return int(self.get("test_views", 0))

    @property
    def mode(self) -> str:
        """``"strict"`` or ``"as-published"``."""
        return str(self.get("mode", "strict"))

    def row(self, label: str) -> Row:
        """Give one row."""
        told = dict(self["rows"][label])
        return Row(
            label=label,
            method=told.pop("method"),
            parameters=dict(told.pop("parameters", None) or {}),
            by_setting=dict(told.pop("by_setting", None) or {}),
            baseline=told.pop("baseline", None),
            more={name: value for name, value in told.items() if value is not None},
        )

    def asked_row(self, word: str) -> str:
        """Give the label of a row that is wanted, asked for as for :meth:`of`.

        Raises:
            ConfigurationError: It is unknown, or not among those that are wanted.
        """
        names = _row_names({label: self["rows"][label] for label in self.asked_rows})
        return _chosen([word], names, "row")[0]

    def members_of(self, row: str) -> int:
        """Networks that a row's ensemble has."""
        return int(self.row(row).more.get("members", self.members))

    def training_of(self, row: str, setting: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Say how a row is trained: as the protocol, setting, row and chosen parameters say."""
        chosen = {name: value for name, value in parameters.items() if name in TRAINING}
        of_setting = self["settings"][setting].get("training") or {}
        of_row = self.row(row).more.get("training") or {}
        return {**self.get("training", {}), **of_setting, **of_row, **chosen}

    def network_of(self, row: str, setting: str) -> tuple[str, dict[str, Any], str | None]:
        """Give name, options and file of first weights of a row's network in a setting.

        Weights given for the whole run go before those that the protocol names; a folder of them
        holds a file of every network's name.
        """
        told: dict[str, Any] = {"name": "auto", "options": {}}
        for part in (
            self.get("network", {}),
            self["settings"][setting].get("network"),
            self.row(row).more.get("network"),
        ):
            told |= part or {}
        name, given = str(told["name"]), self.get("weights", told.get("weights"))
        weights = None if given is None else str(weights_file(given, name))
        return name, dict(told.get("options") or {}), weights

    def check(self) -> None:
        """Find every mistake that shows before anything is read or trained.

        Raises:
            ConfigurationError: Lists all of them.
        """
        from rarecall.reproduction.checking import mistakes

        found = mistakes(self)
        if found:
            raise ConfigurationError(
                "\n  ".join([f"The protocol {self.get('name')!r} cannot be run:", *found])
            )

    def with_asked(self, rows: Sequence[str], settings: Sequence[str]) -> Plan:
        """Add rows and settings to those that are wanted, in printed order."""
        return Plan(
            self.description,
            tuple(x for x in self["rows"] if x in {*self.asked_rows, *rows}),
            tuple(x for x in self["settings"] if x in {*self.asked_settings, *settings}),
        )


def weights_file(given: str | Path, network: str) -> Path:
    """Give the file of a network's first weights: as given, or the one of its name in a folder."""
    path = Path(given)
    if not path.is_dir():
        return path
    found = [path / f"{network}{ending}" for ending in (".safetensors", ".pth", ".pt", ".bin")]
    return next((one for one in found if one.is_file()), found[0])


def method_parameters(method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what belongs to the method, not to its training."""
    known = parse(method).parameters
    return {name: value for name, value in parameters.items() if name in known}


def _row_names(rows: Mapping[str, Any]) -> dict[str, list[str]]:
    """Words by which a row can be asked for: its label, however spaced, and its method."""
    return {label: [label, _squeezed(label), told["method"]] for label, told in rows.items()}


def _squeezed(word: str) -> str:
    return re.sub(r"\s+", "", word).casefold()


def _rejoined(asked: Sequence[str], known: Mapping[str, list[str]]) -> list[str]:
    """Put together what commas cut: a printed label may hold some, as ``ALMm,1 + CE``."""
    labels = {_squeezed(label) for label in known}
    words, pieces = [], list(asked)
    while pieces:
        joins = range(len(pieces), 1, -1)
        whole = next((n for n in joins if _squeezed(",".join(pieces[:n])) in labels), 1)
        words.append(",".join(pieces[:whole]))
        del pieces[:whole]
    return words


def _chosen(
    asked: Sequence[str] | None, known: Mapping[str, list[str]], what: str
) -> tuple[str, ...]:
    if asked is None:
        return tuple(known)
    found: set[str] = set()
    unknown = []
    for word in _rejoined(asked, known):
        hits = [name for name, words in known.items() if word in words]
        hits = hits or [name for name, words in known.items() if _squeezed(word) in words]
        found |= set(hits)
        if not hits:
            unknown.append(word)
    if unknown or not found:
        words = [word for words in known.values() for word in words]
        near = did_you_mean(unknown[0], words) if unknown else ""
        raise ConfigurationError(
            f"The protocol has no {what} {', '.join(map(repr, unknown)) or 'among none asked'}."
            f"{near} Its {what}s are {', '.join(known)}."
        )
    return tuple(name for name in known if name in found)
