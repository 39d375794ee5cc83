"""CheXpert: chest X-rays with five diseases, some labels uncertain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from rarecall.data.collections.file_collection import FileCollection
from rarecall.data.collections.made_up import made_up_images
from rarecall.data.collections.medical import tables
from rarecall.data.collections.source import Expected, Source
from rarecall.errors import ConfigurationError, DataError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

DISEASES = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
"""The five that the competition is scored on, of fourteen in the tables."""

Uncertain = Literal["missing", "zeros", "ones", "mixed", "smooth-ones", "smooth-zeros"]

_ONES_WHEN_MIXED = ("Edema", "Atelectasis")
_SMOOTH = {"smooth-ones": (0.55, 0.85), "smooth-zeros": (0.0, 0.3)}
_EXPECTED = Expected({"train": 223_414, "test": 234})
_PARTS = {"train": "train", "valid": "test"}
_COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
_FOLDERS = ("CheXpert-v1.0-small", "CheXpert-v1.0", ".")


def certain_labels(
    table: ArrayLike,
    uncertain: Uncertain = "smooth-ones",
    *,
    diseases: tuple[str, ...] = DISEASES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Turn the labels of the tables (1, 0, -1 uncertain, NaN not mentioned) into targets.

    What a report does not mention counts as absent, as in the competition.

    Args:
        table: Shape ``(n, L)``.
        uncertain: What becomes of uncertain labels: ``"missing"`` leaves them out (NaN);
            ``"zeros"`` and ``"ones"`` are U-Zeros and U-Ones of the data set's authors; ``"mixed"``
            takes ones for edema and atelectasis and zeros for the others; ``"smooth-ones"`` draws
            from [.55, .85] and ``"smooth-zeros"`` from [0, .3]: the label smoothing of Pham et
            al., which deep AUC says it follows, without saying which of the two.
        diseases: Names of the columns.
        seed: Of the draws.

    Returns:
        In [0, 1], NaN where missing, float64, shape ``(n, L)``.

    Raises:
        ConfigurationError: There is no such choice.

    Reference:
        Irvin et al., *CheXpert*, AAAI 2019; Pham et al., *Interpreting chest X-rays via CNNs that
        exploit hierarchical disease dependencies and uncertainty labels*, 2021.

    >>> certain_labels([[1.0, -1.0, np.nan, -1.0, 0.0]], "mixed").tolist()
    [[1.0, 1.0, 0.0, 1.0, 0.0]]
    """
    if uncertain not in get_args(Uncertain):
        raise ConfigurationError(
            f"Uncertain labels become {', '.join(get_args(Uncertain))}, not {uncertain!r}."
            f"{did_you_mean(str(uncertain), get_args(Uncertain))}"
        )
    given = np.asarray(table, dtype=np.float64)
    open_question = given == -1
    if uncertain in _SMOOTH:
        low, high = _SMOOTH[uncertain]
        answer = np.random.default_rng([seed, 31]).uniform(low, high, given.shape)
    elif uncertain == "mixed":
        answer = np.tile([float(name in _ONES_WHEN_MIXED) for name in diseases], (len(given), 1))
    else:
        value = {"missing": np.nan, "zeros": 0.0, "ones": 1.0}[uncertain]
        answer = np.full(given.shape, value)
    return np.where(open_question, answer, np.where(np.isnan(given), 0.0, given))


def _chexpert(
    folder: Path, uncertain: Uncertain, *, frontal: bool, seed: int, whole: bool
) -> FileCollection:
    inside = tables.first_there(folder, [f"{name}/train.csv" for name in _FOLDERS]).parent
    made = []
    for part, name in _PARTS.items():
        table = tables.read_table(inside / f"{part}.csv", (*_COLUMNS, *DISEASES), text=("Path",))
        # Paths start with the name of the archive, whatever the folder is called now.
        inner = table["Path"].str.extract(rf"(?:^|/)({part}/[^/]+/.+)$")[0]
        if inner.isna().any():
            came = str(table["Path"][inner.isna()].iloc[0])
            raise DataError(
                f"{inside / part}.csv should name images as …/{part}/patient…/study…/view….jpg, "
                f"not {came!r}."
            )
        table["Path"] = inner
        made.append(table.assign(part=name))
    table = pd.concat(made, ignore_index=True)
    labels = certain_labels(table[list(DISEASES)], uncertain, seed=seed)
    if frontal:
        kept = (table["Frontal/Lateral"] == "Frontal").to_numpy()
        table, labels = table[kept].reset_index(drop=True), labels[kept]
    names: list[str] = table["Path"].tolist()
    patients = ["/".join(name.split("/")[:2]) for name in names]
    if whole:
        tables.require(inside, names, [name for name in names if not (inside / name).is_file()])
    else:
        # Every file of 223,648 takes long on a network disk; a look settles for their folders.
        here = {f"{p}/{one.name}" for p in _PARTS for one in (inside / p).glob("*")}
        tables.require(inside, patients, sorted(set(patients) - here))
    return FileCollection(
        name="chexpert",
        paths=[inside / name for name in names],
        labels=labels,
        classes=DISEASES,
        groups=np.asarray([name.split("/")[1] for name in patients], dtype=np.str_),
        parts=table["part"].to_numpy(dtype=np.str_),
        metadata=pd.DataFrame(
            {
                "sex": table["Sex"],
                "age": table["Age"],
                "view": table["Frontal/Lateral"],
                "projection": table["AP/PA"],
            }
        ),
        channels=1,
        root=inside,
    )


def read_chexpert(
    folder: Path, *, uncertain: Uncertain = "smooth-ones", frontal: bool = False, seed: int = 0
) -> FileCollection:
    """Read CheXpert: labels of shape ``(n, 5)``; the patients are the groups.

    Parts: train (labels read out of reports, some uncertain) and test, the official validation
    images, labelled by radiologists; the competition's own test set was never given out, so that
    the paper's number is on other images. Metadata: sex, age, view, projection.

    Args:
        folder: That holds ``CheXpert-v1.0-small`` or ``CheXpert-v1.0``, or their content.
        uncertain: What becomes of uncertain labels, see :func:`certain_labels`.
        frontal: Leave out side views.
        seed: Of smoothed labels.

    Raises:
        ConfigurationError: There is no such choice for uncertain labels.
        DataError: It is not whole.
    """
    found = _chexpert(folder, uncertain, frontal=frontal, seed=seed, whole=True)
    return found if frontal else tables.checked(found, _EXPECTED, folder)


def _glance(folder: Path) -> FileCollection:
    return _chexpert(folder, "zeros", frontal=False, seed=0, whole=False)


def _write(folder: Path, *, seed: int = 0, n: int = 160) -> None:
    rng = np.random.default_rng([seed, 32])
    inside = folder / "CheXpert-v1.0-small"
    for part, count in (("train", n), ("valid", n // 4)):
        present = (rng.random((count, 5)) < 0.25).astype(float)
        names = []
        for k in range(count):
            patient = f"patient{k // 2 + 1 + (64_540 if part == 'valid' else 0):05d}"
            view = ("view1_frontal.jpg", "view2_lateral.jpg")[k % 2]
            name = f"{part}/{patient}/study1/{view}"
            waves = made_up_images([0, *(1 + np.flatnonzero(present[k]))], 40, 48, seed=seed + k)
            tables.write_image(inside / name, waves.mean(axis=0).mean(axis=-1).astype(np.uint8))
            names.append(name)
        if part == "train":
            present[rng.random(present.shape) < 0.1] = -1
            present[rng.random(present.shape) < 0.2] = np.nan
        table = pd.DataFrame(present, columns=list(DISEASES))
        table.insert(0, "Path", [f"CheXpert-v1.0-small/{name}" for name in names])
        table.insert(1, "Sex", rng.choice(["Male", "Female"], count))
        table.insert(2, "Age", rng.integers(20, 90, count))
        table.insert(3, "Frontal/Lateral", ["Frontal", "Lateral"] * (count // 2))
        table.insert(4, "AP/PA", ["AP", ""] * (count // 2))
        table.insert(5, "No Finding", np.where((present == 1).any(axis=1), np.nan, 1.0))
        table.to_csv(inside / f"{part}.csv", index=False)


SOURCES = (
    Source(
        name="chexpert",
        title="CheXpert",
        kind="image files",
        layout=(
            "CheXpert-v1.0-small/ (or CheXpert-v1.0/) with train.csv, valid.csv, and "
            "train/patient…/study…/view…_frontal.jpg."
        ),
        origin=(
            "Register with the Stanford AIMI Center (aimi.stanford.edu), accept the research use "
            "agreement, and fetch CheXpert; the small version has images of about 390 x 320 pixels."
        ),
        read=read_chexpert,
        tiny=_write,
        expected=_EXPECTED,
        look=tables.look_by(_glance),
    ),
)
