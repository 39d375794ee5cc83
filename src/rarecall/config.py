"""The configuration of a comparison: one set of names for Python, YAML and the command line.

Every mistake is reported at once, with the nearest known name for what is misspelt.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from rarecall._asked import WORDS, Asked, Kind, asked_kind, misfits
from rarecall.errors import ConfigurationError, DataError, MethodError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

__all__ = ["DEFAULT_METHODS", "CompareConfig", "load_config", "read_yaml"]

DEFAULT_METHODS = ("bce", "w-bce", "bce+balanced", "a-fl", "bce+alm", "bce+rankreg", "bce+replay")
_DEFAULTS: dict[str, tuple[str, ...]] = {
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
_BASELINES = {"binary": "bce", "multiclass": "ce", "multilabel": "bce"}
_INSTEAD = {
    "multiclass": {"bce": "ce", "w-bce": "cb-ce", "cb-bce": "cb-ce"},
    "multilabel": {"ce": "bce", "cb-ce": "cb-bce"},
    "binary": {"ce": "bce", "cb-ce": "cb-bce"},
}
_REPORTED_LEVELS = (0.90, 0.95, 0.98)
_PARTS = ("train", "validation", "calibration", "test")
_TRAINING = (
    "steps",
    "evaluate_every",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "optimizer",
    "schedule",
    "warmup_steps",
    "clip",
    "patience",
    "smoothing",
    "augment",
    "input_noise",
)


def _as_text(value: object) -> object:
    # A label or column name that is a number in YAML is still a name.
    return str(value) if isinstance(value, (int, float)) else value


def _as_words(value: object) -> object:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _as_names(value: object, info: ValidationInfo) -> object:
    """Read one name, or several: a list, or words with commas between them.

    With ``task: binary`` a comma is part of the name, as it is in a list.
    """
    if isinstance(value, str) and "," in value and info.data.get("task") != "binary":
        value = [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, (list, tuple)):
        value = _as_text(value)
        if not isinstance(value, str):
            raise ValueError(f"must be text, or a list of texts, but {value!r} came.")
        return value
    names = tuple(_as_text(word) for word in value)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"must be text, or a list of texts, but {value!r} came.")
    # A single name is kept apart from a list only where its comma would be read anew.
    return names if len(names) > 1 or "," in str(names[0]) else names[0]


def _as_shares(value: object) -> object:
    """Read ``"0.4,0.2,0.2,0.2"``, as the command line gives it."""
    if not isinstance(value, str):
        return value
    parts = value.split(",")
    try:
        return dict(zip(_PARTS, map(float, parts), strict=True))
    except ValueError:
        raise ValueError(
            f"must be four numbers, for {', '.join(_PARTS)}, as 0.4,0.2,0.2,0.2, "
            f"but {value!r} came."
        ) from None


def _as_path(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _usual_methods(value: object, info: ValidationInfo) -> object:
    """Put the usual set of the kind of problem where no methods are named."""
    if value is not None:
        return value
    return _DEFAULTS[
        asked_kind(
            info.data.get("task", "auto"),
            _listed(info.data.get("target")),
            _listed(info.data.get("critical")),
        )
    ]


def _listed(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else names


def _known_methods(names: tuple[str, ...]) -> tuple[str, ...]:
    from rarecall.methods import parse

    problems, seen = [], []
    for name in names:
        try:
            method = parse(name)
        except MethodError as error:
            problems.append(str(error))
            continue
        if method.name in seen:
            problems.append(f"{method.name!r} is named twice.")
        seen.append(method.name)
    if problems:
        raise ValueError(" ".join(problems))
    return tuple(seen)


def _known_parameters(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    from rarecall.methods import parse

    problems, checked = [], {}
    for name, parameters in given.items():
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


Label = Annotated[str, BeforeValidator(_as_text)]
Words = Annotated[tuple[Label, ...], BeforeValidator(_as_words)]
Names = Annotated[str | tuple[str, ...], BeforeValidator(_as_names)]
PathText = Annotated[str, BeforeValidator(_as_path)]
Rate = Annotated[float, Field(gt=0.0, lt=1.0)]
Shares = Annotated[
    dict[Literal["train", "validation", "calibration", "test"], Rate], BeforeValidator(_as_shares)
]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class CompareConfig(BaseModel):
    """What to compare, on which data, at which requirement and at what cost.

    >>> config = CompareConfig(data="digits", methods=("bce", "bce+alm"))
    >>> config.tpr, config.seeds, config.baseline_name
    (0.95, 5, 'bce')
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: PathText = Field(description="file, image folder, or bundled set")
    task: Asked = Field("auto", description="auto, binary, multiclass or multilabel")
    target: Names | None = Field(None, description="column or columns that hold the label")
    critical: Names | None = Field(None, description="label or labels that must not be missed")
    kind: Literal["auto", "table", "images"] = "auto"
    group: Label | None = Field(None, description="column; a group stays on one side of the split")
    time: Label | None = Field(None, description="column; train on the oldest, test on the newest")
    id: Label | None = Field(None, description="column that names a row")
    drop: Words = Field((), description="columns to leave out")
    split_column: Label | None = Field(None, description="column with the split to use")
    image_size: Count | None = None
    skip_unreadable: bool = False
    metadata: Words = Field((), description="columns beside image paths: patient data")
    shares: Shares | None = Field(None, description="shares of the four parts of the split")
    train_positives: Annotated[int, Field(ge=2)] | None = None

    tpr: Rate = Field(0.95, description="required true positive rate")
    confidence: Rate = 0.95
    methods: Annotated[
        Words,
        Field(min_length=1),
        AfterValidator(_known_methods),
        BeforeValidator(_usual_methods),
    ] = Field(None, validate_default=True)
    baseline: Label | None = Field(None, description="method that the others are compared with")
    trees: bool = Field(True, description="add the boosted-tree reference (tables only)")
    parameters: Annotated[dict[str, dict[str, Any]], AfterValidator(_known_parameters)] = {}
    seeds: Annotated[int, Field(ge=1, le=1000)] = 5
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    members: Annotated[int, Field(ge=1, le=1000)] = Field(1, description="networks a seed")
    redraw: bool = Field(False, description="give every member its own validation rows")
    tune: Annotated[int, Field(ge=0, le=10_000)] = 0

    network: Literal["auto", "mlp", "resnet-small", "resnet10"] = "auto"
    network_options: dict[str, Any] = {}
    steps: Count | None = None
    evaluate_every: Count | None = None
    batch_size: Annotated[int, Field(ge=2)] | None = None
    learning_rate: Positive | None = None
    weight_decay: NotNegative | None = None
    optimizer: Literal["adamw", "adam", "sgd"] | None = None
    schedule: Literal["cosine", "constant"] | None = None
    warmup_steps: Annotated[int, Field(ge=0)] | None = None
    clip: Positive | None = None
    patience: Count | None = None
    smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    augment: Literal["auto", "none", "crop", "flip", "crop+flip"] | None = None
    input_noise: NotNegative | None = None
    device: str = "auto"
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    threads: Count | None = None

    out: PathText | None = Field(None, description="run folder")

    @property
    def baseline_name(self) -> str:
        """The method that the others are compared with: as given, else ``bce``, else the first.

        In multi-class work ``ce`` takes the place of ``bce``.
        """
        if self.baseline is not None:
            return self.baseline
        usual = _BASELINES[self.problem]
        return usual if usual in self.methods else self.methods[0]

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the label columns; empty where none is named."""
        return _listed(self.target)

    @property
    def criticals(self) -> tuple[str, ...]:
        """The critical labels; empty where none is named."""
        return _listed(self.critical)

    @property
    def problem(self) -> Kind:
        """The kind of problem: as given, else what the numbers of targets and labels say.

        >>> CompareConfig(data="digits", critical="8,9", methods=("a-fl",)).problem
        'multiclass'
        """
        return asked_kind(self.task, self.targets, self.criticals)

    @property
    def levels(self) -> tuple[float, ...]:
        """The TPR levels reported, the required one among them, increasing.

        >>> CompareConfig(data="digits", tpr=0.9).levels
        (0.9, 0.95, 0.98)
        """
        return tuple(sorted({*_REPORTED_LEVELS, self.tpr}))

    def training_options(self) -> dict[str, Any]:
        """Collect the overrides of the training settings, by their name there."""
        given = {name: getattr(self, name) for name in _TRAINING}
        return {name: value for name, value in given.items() if value is not None}


def load_config(
    options: Mapping[str, Any], *, yaml_file: str | Path | None = None
) -> CompareConfig:
    """Merge a YAML file with options (which win) and check everything.

    Args:
        options: Names and values as in :class:`CompareConfig`; ``None`` means not given.
        yaml_file: File with the same names, or None.

    Raises:
        ConfigurationError: All unknown names, wrong types and impossible values, at once.

    >>> load_config({"data": "digits", "sedes": 3, "tpr": 95.0})
    Traceback (most recent call last):
        ...
    rarecall.errors.ConfigurationError: 2 options cannot be used:
    - tpr: must be less than 1 (rates lie between 0 and 1), but 95.0 came.
    - sedes: no such option. Did you mean 'seeds' or 'seed' or 'schedule'?
    """
    given: dict[str, Any] = {}
    for source in ({} if yaml_file is None else read_yaml(yaml_file), options):
        given.update({name: value for name, value in source.items() if value is not None})
    where = "" if yaml_file is None else f" ({yaml_file} and the options given)"
    problems: dict[str, str] = {}
    config: CompareConfig | None = None
    try:
        config = CompareConfig(**given)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            name = ".".join(str(part) for part in detail["loc"])
            problems.setdefault(name, _explain(detail))
        wrong = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
        rest = {name: value for name, value in given.items() if name not in wrong}
        # What is sound by itself is still checked together, so that one run shows all mistakes.
        config = CompareConfig(**{"data": "", **rest})
        problems.update(_together(config, skip=wrong))
    else:
        problems = _together(config, skip=set())
    if problems:
        count = "1 option" if len(problems) == 1 else f"{len(problems)} options"
        lines = "\n".join(f"- {name}: {text}" for name, text in problems.items())
        raise ConfigurationError(f"{count} cannot be used{where}:\n{lines}")
    return config


def _together(config: CompareConfig, *, skip: set[str]) -> dict[str, str]:
    problems = {}
    if not {"task", "target", "critical"} & skip:
        problems = misfits(config.problem, config.targets, config.criticals)
        if not problems and "methods" not in skip:
            refused = [_refused(name, config.problem) for name in config.methods]
            if any(refused):
                problems["methods"] = " ".join(filter(None, refused))
        if config.problem == "multilabel" and config.train_positives is not None:
            problems["train_positives"] = (
                "cannot be used in a multi-label task: leaving out a sample for one label changes "
                "the others."
            )
    listed = ", ".join(config.methods)
    if not {"methods", "baseline"} & skip and config.baseline_name not in config.methods:
        hint = did_you_mean(config.baseline_name, config.methods)
        problems["baseline"] = f"{config.baseline!r} is not among the methods ({listed}).{hint}"
    if not {"methods", "parameters"} & skip:
        for name in config.parameters:
            if name not in config.methods:
                problems[f"parameters.{name}"] = f"is not among the methods ({listed})."
    if config.shares is not None and "shares" not in skip:
        missing = set(_PARTS) - set(config.shares)
        total = sum(config.shares.values())
        if missing:
            problems["shares"] = f"{', '.join(sorted(missing))} missing; all four are needed."
        elif abs(total - 1.0) > 1e-6:
            problems["shares"] = f"must add up to 1, but they add up to {total:g}."
    if config.image_size is not None and config.kind == "table":
        problems["image_size"] = "is for images, but kind is 'table'."
    return problems


def _refused(name: str, kind: Kind) -> str:
    """Say why a method does not fit the kind of problem, and which does; empty where it fits."""
    from rarecall.methods import parse

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


_KINDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of names to values",
    "finite_number": "must be finite",
}


def _explain(detail: ErrorDetails) -> str:
    kind, came, context = detail["type"], detail.get("input"), detail.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(detail["loc"][-1])
        hint = did_you_mean(name, CompareConfig.model_fields)
        return "no such option." + (hint or f" Known: {', '.join(CompareConfig.model_fields)}.")
    if kind == "missing":
        return "is needed: a file, an image folder, 'digits' or 'breast-cancer'."
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        text = str(context["expected"]).replace(" or ", ", ")
        hint = did_you_mean(str(came), re.findall(r"'([^']*)'", text))
        return f"must be one of {text}, but {came!r} came.{hint}"
    if kind in _KINDS:
        return f"{_KINDS[kind]}, but {came!r} came."
    if kind == "too_short":
        return "at least one is needed."
    bounds = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt"}
    bounds["less_than_equal"] = "le"
    words = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
    if kind in bounds:
        bound = context[bounds[kind]]
        rates = detail["loc"][0] in {"tpr", "confidence", "shares"}
        note = " (rates lie between 0 and 1)" if rates else ""
        return f"must be {words[bounds[kind]]} {bound:g}{note}, but {came!r} came."
    return f"{detail['msg']}, but {came!r} came."


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans and floats, and no key twice.

    In YAML 1.1, as PyYAML reads it, ``yes`` is true and ``1e-3`` is text: a label and a
    learning rate would silently become something else.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key!r} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+0123456789."),
)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Raises:
        DataError: There is no such file.
        ConfigurationError: It is not YAML, or not a mapping of names to values.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text.") from error
    try:
        value = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not valid YAML: {error}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{path} must hold names and values, as `tpr: 0.95`, but it holds a "
            f"{type(value).__name__}."
        )
    return {str(name).replace("-", "_"): item for name, item in value.items()}
