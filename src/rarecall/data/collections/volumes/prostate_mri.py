"""Prostate MRI in two modalities and two cohorts, as the ALM papers use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.data.collections.source import Look, Source
from rarecall.data.collections.volumes.made_up import write_studies
from rarecall.data.collections.volumes.one_study import VolumeFile
from rarecall.data.collections.volumes.study_table import TABLE, read_table
from rarecall.data.collections.volumes.volume_collection import VolumeCollection
from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["B_VALUES", "PROSTATE_MRI", "read_studies", "write_studies"]

B_VALUES = (100, 600, 1000)
"""Diffusion weightings of the papers, in seconds per square millimetre."""

ENDINGS = (".nii.gz", ".nii")
SHOWN = 5


def read_studies(folder: Path) -> VolumeCollection:
    """Find the studies of a folder: their table, and the files of every one.

    No volume is opened here: :meth:`VolumeCollection.to_pool` does that.

    Args:
        folder: As :attr:`PROSTATE_MRI` describes its layout.

    Raises:
        DataError: The table is missing or wrong, or studies lack files: which.
    """
    table = read_table(folder)
    lacking: list[str] = []
    files: dict[str, list[tuple[VolumeFile, ...]]] = {"diffusion": [], "t2": []}
    for study in table.studies:
        found, missing = _files_of(folder / study)
        lacking += [f"{study}/{name}" for name in missing]
        for modality, channels in found.items():
            files[modality].append(channels)
    if lacking:
        raise DataError(
            f"{folder} holds only a part of its studies; missing: {_some(lacking)}. Put them "
            f"there, or take these studies out of {TABLE}."
        )
    return VolumeCollection(
        folder.name,
        {modality: tuple(channels) for modality, channels in files.items()},
        table.labels,
        table.names,
        table.patients,
        table.cohorts,
        reference="t2",
    )


def look(folder: Path) -> Look:
    """Count the studies of both cohorts, and name files that are missing or empty."""
    table = read_table(folder)
    counts = {f"{part} studies": int((table.cohorts == part).sum()) for part in ("train", "test")}
    problems: list[str] = []
    for study in table.studies:
        found, missing = _files_of(folder / study)
        problems += [f"{folder / study / name} is missing." for name in missing]
        paths = {file.path for channels in found.values() for file in channels}
        problems += [f"{path} is empty." for path in sorted(paths) if not path.stat().st_size]
    if len(problems) > SHOWN:
        problems = [*problems[:SHOWN], f"{len(problems) - SHOWN} more files are missing or empty."]
    return Look(counts, tuple(problems))


def _files_of(study: Path) -> tuple[dict[str, tuple[VolumeFile, ...]], list[str]]:
    t2 = _nifti(study, "t2")
    found: dict[str, tuple[VolumeFile, ...]] = {"t2": (VolumeFile(t2),)} if t2 else {}
    missing = [] if t2 else ["t2.nii.gz"]
    single = [_nifti(study, f"diffusion_b{b}") for b in B_VALUES]
    together = _nifti(study, "diffusion")
    if all(single):
        found["diffusion"] = tuple(VolumeFile(path) for path in single if path)
    elif together and not any(single):
        found["diffusion"] = tuple(
            VolumeFile(together, number) for number in _numbers(study / "diffusion.bval")
        )
    else:
        missing += [
            f"diffusion_b{b}.nii.gz" for b, path in zip(B_VALUES, single, strict=True) if not path
        ]
    return found, missing


def _nifti(study: Path, stem: str) -> Path | None:
    paths = (study / f"{stem}{ending}" for ending in ENDINGS)
    return next((path for path in paths if path.is_file()), None)


def _numbers(path: Path) -> list[int]:
    """Find the volumes of the papers' b-values in a file of b-values, as dcm2niix writes it."""
    try:
        values = [float(word) for word in path.read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} must give the b-value of every volume of the file with four axes beside it, "
            f"in one line ({error})."
        ) from error
    # A scanner rounds: it may say 995 for 1000. Averages stand once, others are not wanted.
    places = [[k for k, value in enumerate(values) if abs(value - b) <= 0.05 * b] for b in B_VALUES]
    if any(len(found) != 1 for found in places):
        raise DataError(
            f"{path} must name each of the b-values {', '.join(map(str, B_VALUES))} once; it holds "
            f"{', '.join(f'{value:g}' for value in values)}. Average repeated volumes first."
        )
    return [found[0] for found in places]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


PROSTATE_MRI = Source(
    name="prostate-mri",
    title="Prostate MRI, T2 and diffusion",
    kind="volumes",
    layout=(
        f"{TABLE} with the columns study, patient, cohort (train or test) and label (1 for the "
        "critical class, else 0); for every study a folder of its name with t2.nii.gz and "
        "diffusion_b100.nii.gz, diffusion_b600.nii.gz, diffusion_b1000.nii.gz, or one "
        "diffusion.nii.gz with four axes and diffusion.bval."
    ),
    origin=(
        "The 300 + 100 studies of the ALM papers are their authors' own and not given out; bring "
        "studies of your own, or a public set of prostate MRI such as PROSTATEx of The Cancer "
        "Imaging Archive (accept its terms there; its labels mean something else; convert it from "
        "DICOM to NIfTI), in this layout."
    ),
    read=read_studies,
    tiny=write_studies,
    look=look,
    needs="nibabel",
)
