"""One door for all data: what the source is, is found out here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rarecall._asked import asked_kind, misfits
from rarecall.data.bundled import BUNDLED, load_bundled
from rarecall.data.embeddings import load_arrays
from rarecall.data.request import Request
from rarecall.data.table_files import is_table_file, read_table
from rarecall.data.tables import samples_from_table
from rarecall.errors import ConfigurationError, DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall._asked import Asked
    from rarecall.data.samples import Samples

_KINDS = ("auto", "table", "images")
_TASKS = ("auto", "binary", "multiclass", "multilabel")


def load(
    source: str | Path,
    *,
    target: str | Sequence[str] | None = None,
    critical: str | float | Sequence[str | float] | None = None,
    task: Asked = "auto",
    kind: Literal["auto", "table", "images"] = "auto",
    group: str | None = None,
    time: str | None = None,
    id: str | None = None,  # noqa: A002  (the users' word for it)
    drop: Sequence[str] = (),
    split_column: str | None = None,
    image_size: int | None = None,
    skip_unreadable: bool = False,
    metadata: Sequence[str] = (),
    subgroups: Sequence[str] = (),
) -> Samples:
    """Load labelled samples.

    Args:
        source: A table (CSV or TSV, also compressed; Parquet), NumPy arrays (``.npz``, ``.npy``
            with labels beside it), an image folder with a folder a class, a table of image paths
            and labels, or a bundled set: ``digits``, ``breast-cancer``.
        target: Column that holds the label; not needed for image folders and bundled sets. Several
            are the labels of a multi-label task.
        critical: The label that must not be missed; ``1``, ``"1"``, ``1.0`` and ``True`` are one.
            Several are the critical classes of a multi-class task.
        task: ``"binary"``: the critical label against all others. ``"multiclass"``: every label is
            a class of its own. ``"multilabel"``: every target column is a label of its own. By
            default what the numbers of targets and critical labels say.
        kind: What a table holds: features (``"table"``) or image paths (``"images"``). By
            default a table with a column ``path``, ``image``, ``file`` or the like, whose values
            end as image files do, is one of image paths.
        group: Column of what a sample belongs to (patient, account); never split over two parts.
        time: Column of dates or numbers; the split is then by time.
        id: Column that names every sample; by default its row number or image path.
        drop: Columns to leave out.
        split_column: Column that says train, validation, calibration or test.
        image_size: Height and width that images are resized to. By default images of one size up
            to 64 pixels stay as they are, and others become 64 x 64.
        skip_unreadable: Leave out images that cannot be read instead of raising.
        metadata: Columns of a table of image paths that describe the patient or the piece, for a
            network of their own beside the images'; ``"all"`` takes every column that plays no
            other part.
        subgroups: Columns whose values part the samples for reports (site, sex), features or not;
            one that is to be no feature is dropped as well.

    Returns:
        The samples, with notes about what was left out or looks wrong.

    Raises:
        DataError: The source cannot be found or read, or cannot answer the question.
        ConfigurationError: An option has an impossible value.

    >>> samples = load("breast-cancer")
    >>> len(samples), samples.positives, samples.critical
    (569, 212, 'malignant')
    >>> load("breast-cancer", critical="malignent")
    Traceback (most recent call last):
        ...
    rarecall.errors.DataError: The critical label 'malignent' is not among the labels of
    'diagnosis'. Did you mean 'malignant'? The labels are 'benign' (357), 'malignant' (212).
    """
    if kind not in _KINDS:
        raise ConfigurationError(f"kind must be {', '.join(_KINDS)}, not {kind!r}.")
    if task not in _TASKS:
        raise ConfigurationError(f"task must be {', '.join(_TASKS)}, not {task!r}.")
    if image_size is not None and image_size < 1:
        raise ConfigurationError(f"image_size must be 1 pixel or more, not {image_size}.")
    columns, criticals = _words(target), _words(critical)
    asked = asked_kind(task, columns, criticals)
    problems = misfits(asked, columns, criticals)
    if problems:
        raise ConfigurationError(" ".join(f"{name}: {text}" for name, text in problems.items()))
    several = asked == "multilabel"
    request = Request(
        target=columns[0] if columns and not several else None,
        critical=criticals[0] if criticals else None,
        label_columns=columns if several else (),
        criticals=criticals,
        task=asked,
        group=group,
        time=time,
        id=id,
        drop=(drop,) if isinstance(drop, str) else tuple(drop),
        split_column=split_column,
        image_size=image_size,
        skip_unreadable=skip_unreadable,
        metadata=(metadata,) if isinstance(metadata, str) else tuple(metadata),
        subgroups=(subgroups,) if isinstance(subgroups, str) else tuple(subgroups),
    )
    path = Path(source).expanduser()
    if request.metadata and not is_table_file(path):
        raise DataError(
            f"metadata names columns that stand beside image paths, but {source} is no table of "
            "image paths. Write one (a CSV with the columns path and label, and the patient's), or "
            "leave metadata (--metadata) out."
        )
    if not _exists(path):
        if str(source) in BUNDLED:
            _refuse_kind(str(source), kind, holds="images" if source == "digits" else "table")
            return load_bundled(str(source), request)
        raise DataError(_not_found(path))
    if path.is_dir():
        _refuse_kind(f"The folder {path.name}", kind, holds="images")
        from rarecall.data.image_sources import load_folder

        return load_folder(path, request)
    if path.suffix.lower() in (".npy", ".npz"):
        return load_arrays(path, request)
    if not is_table_file(path):
        raise DataError(
            f"{path.name} is of no known kind. Known are .csv, .tsv, .txt (also .gz, .bz2, .xz), "
            ".parquet, .npy, .npz, and folders of images. Save a spreadsheet as CSV first."
        )
    table = read_table(path)
    from rarecall.data.image_sources import load_manifest, path_column

    column = path_column(table, by_name=kind == "auto") if kind != "table" else None
    if column is not None:
        return load_manifest(path, table, column, request)
    if kind == "images":
        raise DataError(
            f"{path.name} should list images, but none of its columns holds paths of image files. "
            "Add a column `path`, relative to the table's folder."
        )
    if request.metadata:
        raise DataError(
            f"{path.name} is a table of features, so all its columns are used; metadata names "
            "columns that stand beside image paths. Leave metadata (--metadata) out."
        )
    return samples_from_table(table, request, name=path.name)


def _words(given: str | float | Sequence[str | float] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (str(given),)
    return tuple(str(word) for word in given)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{str(path)[:200]!r} cannot be looked at: {reason}.") from error


def _refuse_kind(source: str, kind: str, *, holds: str) -> None:
    if kind not in ("auto", holds):
        raise ConfigurationError(
            f"{source} holds {'images' if holds == 'images' else 'a table'}; kind={kind!r} does "
            "not fit. Leave it out."
        )


def _not_found(path: Path) -> str:
    near = list(BUNDLED)
    if path.parent.is_dir():
        near += sorted(entry.name for entry in path.parent.iterdir())
    return (
        f"There is no file, folder or bundled set {str(path)!r}.{did_you_mean(path.name, near)} "
        f"The bundled sets are {', '.join(BUNDLED)}."
    )
