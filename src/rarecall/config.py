"""The configuration of a comparison: one set of names for Python, YAML and the command line.

Every mistake is reported at once, with the nearest known name for what is misspelt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from rarecall._asked import Asked, Kind, asked_kind, misfits
from rarecall._given import (
    DEFAULT_METHODS,
    PARTS,
    as_names,
    as_path,
    as_shares,
    as_text,
    as_words,
    known_methods,
    known_parameters,
    listed,
    refusal,
    usual_methods,
)
from rarecall._yaml import read_yaml
from rarecall.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

__all__ = ["DEFAULT_METHODS", "CompareConfig", "load_config", "read_yaml"]

_BASELINES = {"binary": "bce", "multiclass": "ce", "multilabel": "bce"}
_REPORTED_LEVELS = (0.90, 0.95, 0.98)
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


Label = Annotated[str, BeforeValidator(as_text)]
Words = Annotated[tuple[Label, ...], BeforeValidator(as_words)]
Names = Annotated[str | tuple[str, ...], BeforeValidator(as_names)]
PathText = Annotated[str, BeforeValidator(as_path)]
Rate = Annotated[float, Field(gt=0.0, lt=1.0)]
Shares = Annotated[
    dict[Literal["train", "validation", "calibration", "test"], Rate], BeforeValidator(as_shares)
]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


def _known_changes(augment: str) -> str:
    from rarecall.training.augment_words import check_augment

    return check_augment(augment)


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
    subgroups: Words = Field((), description="columns whose values are reported apart")
    prevalence: Rate | None = Field(None, description="share of critical cases in use")
    cases: Annotated[int, Field(ge=0, le=100)] = Field(8, description="misses and alarms shown")
    methods: Annotated[
        Words,
        Field(min_length=1),
        AfterValidator(known_methods),
        BeforeValidator(usual_methods),
    ] = Field(None, validate_default=True)
    baseline: Label | None = Field(None, description="method that the others are compared with")
    trees: bool = Field(True, description="add the boosted-tree reference (tables only)")
    parameters: Annotated[dict[str, dict[str, Any]], AfterValidator(known_parameters)] = {}
    seeds: Annotated[int, Field(ge=1, le=1000)] = 5
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    members: Annotated[int, Field(ge=1, le=1000)] = Field(1, description="networks a seed")
    redraw: bool = Field(False, description="give every member its own validation rows")
    tune: Annotated[int, Field(ge=0, le=10_000)] = 0

    network: Literal[
        "auto",
        "mlp",
        "resnet-small",
        "resnet10",
        "resnet18",
        "resnet20",
        "resnet32",
        "resnet32-wide",
        "cascade",
        "densenet121",
        "densenet161",
        "densenet169",
        "densenet201",
        "efficientnet-b3",
        "efficientnet-b5",
        "efficientnet-b6",
        "resnext50",
        "convnext-tiny",
        "inception-resnet-v2",
    ] = "auto"
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
    augment: Annotated[str, AfterValidator(_known_changes)] | None = None
    input_noise: NotNegative | None = None
    device: str = "auto"
    devices: Count = Field(1, description="processes that train a network together")
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
        return listed(self.target)

    @property
    def criticals(self) -> tuple[str, ...]:
        """The critical labels; empty where none is named."""
        return listed(self.critical)

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
            refused = [refusal(name, config.problem) for name in config.methods]
            if any(refused):
                problems["methods"] = " ".join(filter(None, refused))
        if config.problem == "multilabel" and config.train_positives is not None:
            problems["train_positives"] = (
                "cannot be used in a multi-label task: leaving out a sample for one label changes "
                "the others."
            )
    if config.problem != "binary" and config.prevalence is not None:
        problems["prevalence"] = (
            "is the share of one critical class; with several classes or labels leave it out."
        )
    named = ", ".join(config.methods)
    if not {"methods", "baseline"} & skip and config.baseline_name not in config.methods:
        hint = did_you_mean(config.baseline_name, config.methods)
        problems["baseline"] = f"{config.baseline!r} is not among the methods ({named}).{hint}"
    if not {"methods", "parameters"} & skip:
        for name in config.parameters:
            if name not in config.methods:
                problems[f"parameters.{name}"] = f"is not among the methods ({named})."
    if config.shares is not None and "shares" not in skip:
        missing = set(PARTS) - set(config.shares)
        total = sum(config.shares.values())
        if missing:
            problems["shares"] = f"{', '.join(sorted(missing))} missing; all four are needed."
        elif abs(total - 1.0) > 1e-6:
            problems["shares"] = f"must add up to 1, but they add up to {total:g}."
    if config.redraw and config.members == 1:
        problems["redraw"] = "re-draws the rows of members; ask for several of them (members)."
    if config.redraw and config.time is not None:
        problems["redraw"] = "would mix rows of different times, but the split is by time."
    if config.devices > 1 and (config.device == "mps" or ":" in config.device):
        problems["devices"] = f"is {config.devices}, but device names one, {config.device!r}."
    if config.metadata and config.kind == "table":
        problems["metadata"] = "stands beside image paths, but kind is 'table'."
    if config.image_size is not None and config.kind == "table":
        problems["image_size"] = "is for images, but kind is 'table'."
    return problems


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
        rates = detail["loc"][0] in {"tpr", "confidence", "shares", "prevalence"}
        note = " (rates lie between 0 and 1)" if rates else ""
        return f"must be {words[bounds[kind]]} {bound:g}{note}, but {came!r} came."
    return f"{detail['msg']}, but {came!r} came."
