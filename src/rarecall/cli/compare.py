"""``rarecall compare``: train several methods, choose one, and state its threshold."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from rarecall._launched import by_all_processes

_DATA, _ASK, _TRAIN, _RUN = "Data", "Question", "Training", "Run"


def _option(help: str, panel: str, *names: str, default: str | bool = False) -> Any:  # noqa: A002
    # Nothing is set by typer itself: what is not given here may come from --config.
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=default)


@by_all_processes(silent=True)
def compare(  # noqa: PLR0917  (typer calls it by name)
    data: Annotated[
        str | None,
        typer.Argument(
            help="Table (CSV, TSV, Parquet, also .gz), embeddings (.npy, .npz), image folder, "
            "manifest CSV, or a bundled set: digits, breast-cancer.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        _option(
            "Column that holds the label; several, comma-separated, are labels of their own.", _DATA
        ),
    ] = None,
    critical: Annotated[
        str | None,
        _option("Label that must not be missed; several, comma-separated, are classes.", _DATA),
    ] = None,
    task: Annotated[
        str | None, _option("auto, binary, multiclass or multilabel.", _DATA, default="auto")
    ] = None,
    kind: Annotated[str | None, _option("auto, table or images.", _DATA, default="auto")] = None,
    group: Annotated[
        str | None, _option("Column of groups (patient, account), never split up.", _DATA)
    ] = None,
    time: Annotated[
        str | None, _option("Column of times: train on the oldest, test on the newest.", _DATA)
    ] = None,
    id: Annotated[str | None, _option("Column that names a row.", _DATA)] = None,  # noqa: A002
    drop: Annotated[
        list[str] | None, _option("Columns to leave out, comma-separated; repeatable.", _DATA)
    ] = None,
    split_column: Annotated[
        str | None, _option("Column with train, validation, calibration or test.", _DATA)
    ] = None,
    shares: Annotated[
        str | None,
        _option(
            "Shares of train, validation, calibration and test: 0.4,0.2,0.2,0.2.",
            _DATA,
            default="0.4,0.2,0.2,0.2; more to calibrate where a guarantee needs it",
        ),
    ] = None,
    image_size: Annotated[int | None, _option("Resize images to this side.", _DATA)] = None,
    skip_unreadable: Annotated[
        bool | None, _option("Leave out images that cannot be read.", _DATA, "--skip-unreadable")
    ] = None,
    metadata: Annotated[
        str | None,
        _option("Columns beside image paths (patient data), comma-separated, or all.", _DATA),
    ] = None,
    train_positives: Annotated[
        int | None, _option("Keep only so many positives for training.", _DATA)
    ] = None,
    tpr: Annotated[
        float | None, _option("Required true positive rate.", _ASK, default="0.95")
    ] = None,
    confidence: Annotated[
        float | None, _option("Confidence of guarantee and intervals.", _ASK, default="0.95")
    ] = None,
    subgroups: Annotated[
        str | None, _option("Columns (site, sex) whose values are reported apart.", _ASK)
    ] = None,
    prevalence: Annotated[
        float | None,
        _option("Share of critical cases in use.", _ASK, default="that of the test part"),
    ] = None,
    cases: Annotated[
        int | None,
        _option("Misses and false alarms in the report; 0 stores none.", _ASK, default="8"),
    ] = None,
    methods: Annotated[
        str | None, _option("Names, comma-separated; `rarecall methods` lists them.", _ASK)
    ] = None,
    baseline: Annotated[
        str | None,
        _option("Method that the others are compared with.", _ASK, default="bce; multi-class: ce"),
    ] = None,
    trees: Annotated[
        bool | None,
        _option("Boosted trees as a reference, for tables.", _ASK, "--trees/--no-trees"),
    ] = None,
    seeds: Annotated[
        int | None, _option("Trainings a method; their mean is judged.", _ASK, default="5")
    ] = None,
    members: Annotated[
        int | None, _option("Networks a seed, whose mean counts as one.", _ASK, default="1")
    ] = None,
    redraw: Annotated[
        bool | None, _option("Give every member its own validation rows.", _ASK, "--redraw")
    ] = None,
    tune: Annotated[
        int | None, _option("Tuning trials a method, the same for all.", _ASK, default="0")
    ] = None,
    network: Annotated[
        str | None,
        _option(
            "auto; mlp; for images resnet-small, resnet10, resnet18, resnet20, resnet32, "
            "resnet32-wide, cascade, densenet121, densenet161, densenet169, densenet201, "
            "efficientnet-b3, efficientnet-b5, efficientnet-b6, resnext50, convnext-tiny, "
            "inception-resnet-v2.",
            _TRAIN,
        ),
    ] = None,
    steps: Annotated[int | None, _option("Optimiser steps a network.", _TRAIN)] = None,
    batch_size: Annotated[int | None, _option("Rows forwarded a step.", _TRAIN)] = None,
    learning_rate: Annotated[float | None, _option("Peak learning rate.", _TRAIN)] = None,
    augment: Annotated[
        str | None,
        _option("For images: auto, none, or changes, as crop+flip or rotate:15.", _TRAIN),
    ] = None,
    input_noise: Annotated[
        float | None, _option("Noise added to a table's numbers, in their deviations.", _TRAIN)
    ] = None,
    device: Annotated[str | None, _option("auto, cpu, cuda or mps.", _TRAIN)] = None,
    devices: Annotated[
        int | None,
        _option("Processes that train one network together.", _TRAIN, default="1"),
    ] = None,
    precision: Annotated[str | None, _option("auto, 32-true, bf16-mixed ...", _TRAIN)] = None,
    threads: Annotated[int | None, _option("Threads for the CPU.", _TRAIN)] = None,
    seed: Annotated[
        int | None, _option("First seed; also that of the split.", _TRAIN, default="0")
    ] = None,
    config: Annotated[
        str | None, _option("YAML file with any of these names; options win.", _RUN)
    ] = None,
    out: Annotated[
        str | None, _option("Run folder.", _RUN, default="runs/<data>-<date>-<time>")
    ] = None,
    resume: Annotated[
        bool, _option("Continue the run in --out; its stored options hold.", _RUN, "--resume")
    ] = False,
    jobs: Annotated[
        int | None,
        _option(
            "Processes that share the work; the same command elsewhere joins them.",
            _RUN,
            default="this one alone",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        _option(
            "Database (postgresql://…) for who does what.", _RUN, default="a file in the run folder"
        ),
    ] = None,
    quiet: Annotated[bool, _option("Only the final table.", _RUN, "--quiet", "-q")] = False,
    plain: Annotated[bool, _option("Plain progress lines.", _RUN, "--plain")] = False,
) -> None:
    """Train several methods on DATA and compare them at the required true positive rate.

    Example: rarecall compare data.csv --target label --critical fraud --tpr 0.95
    """
    given = dict(locals())
    for name in ("data", "config", "out", "resume", "jobs", "storage", "quiet", "plain"):
        del given[name]
    if drop:
        given["drop"] = [word for words in drop for word in words.split(",") if word]
    options = {name: value for name, value in given.items() if value is not None}

    from rarecall.comparison.settling import settle
    from rarecall.work.storage import check_storage

    # Mistakes are told at once, before the seconds that the heavy imports take.
    sharing: dict[str, Any] = {"jobs": jobs, "storage": storage}
    shared = {name: value for name, value in sharing.items() if value is not None}
    check_storage(storage)
    settle({**options, "data": data}, config, out, resume=resume, join=bool(shared))

    from rich.console import Console

    from rarecall.cli.progress import progress
    from rarecall.cli.stopping import stopping
    from rarecall.comparison import compare as run

    with progress(Console(stderr=True), quiet=quiet, plain=plain) as watch, stopping() as stop:
        comparison = run(
            data,
            config=config,
            out=out,
            resume=resume,
            watch=watch,
            should_stop=stop,
            **shared,
            **options,
        )
    console = Console()
    if not sys.stdout.isatty():
        # A pipe has no width; 80 columns would cut the table.
        console = Console(width=120)
    console.print(comparison.table())
    console.print(f"Report: {comparison.report}", soft_wrap=True, highlight=False)
    console.print(f"Model:  {comparison.model_folder}", soft_wrap=True, highlight=False)
