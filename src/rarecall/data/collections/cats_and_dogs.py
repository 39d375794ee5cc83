"""Cats & Dogs: 25,000 photographs of two classes, as image files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.collections.made_up import made_up_images
from rarecall.data.collections.source import Look, Source, is_made_up
from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("cat", "dog")
WHOLE = (12_499, 12_500)
"""Images of a class in the two published archives; one has an empty file in each."""

TEST_SHARE = 0.08
"""The last 1,000 of 12,500 images of each class, by number, are the test part."""

_NUMBERED = re.compile(r"(?:(cat|dog)\.)?(\d+)\.jpe?g", re.IGNORECASE)


def find_images(folder: Path) -> dict[str, list[Path]]:
    """Find the images of each class by rising number, in either of the two layouts.

    Empty files are left out: the archive with two folders is published with two of them.
    """
    found: dict[str, list[tuple[int, Path]]] = {name: [] for name in CLASSES}
    for inside in (folder / "PetImages", folder / "train", folder / "train" / "train", folder):
        for path in [*inside.glob("*.jp*g"), *inside.glob("[CcDd][ao][tg]/*.jp*g")]:
            match = _NUMBERED.fullmatch(path.name)
            name = (match[1] or path.parent.name).lower() if match else ""
            if match and name in found and path.stat().st_size:
                found[name].append((int(match[2]), path))
        if any(found.values()):
            break
    return {name: [path for _, path in sorted(paths)] for name, paths in found.items()}


def read_cats_and_dogs(folder: Path) -> Any:
    """Read where the images of cats (0) and dogs (1) lie; the last ones by number are for testing.

    Returns:
        A ``FileCollection`` with the parts train and test.

    Raises:
        DataError: A class has fewer images than were published, or more.
    """
    from rarecall.data.collections.file_collection import FileCollection

    found = find_images(folder)
    problems = _problems(folder, found)
    if problems:
        raise DataError(" ".join(problems))
    paths, labels, parts = [], [], []
    for label, mine in enumerate(found.values()):
        held = max(1, round(TEST_SHARE * len(mine)))
        paths += mine
        labels += [label] * len(mine)
        parts += ["train"] * (len(mine) - held) + ["test"] * held
    return FileCollection(
        name="cats-and-dogs",
        paths=paths,
        labels=np.asarray(labels, dtype=np.int64),
        groups=None,
        parts=np.asarray(parts),
        metadata=None,
        classes=CLASSES,
    )


def look_at_cats_and_dogs(folder: Path) -> Look:
    """Count the images of each class."""
    found = find_images(folder)
    counts = {name: len(paths) for name, paths in found.items()}
    return Look(counts, _problems(folder, found))


def _problems(folder: Path, found: dict[str, list[Path]]) -> tuple[str, ...]:
    made_up = is_made_up(folder)
    return tuple(
        f"{folder} holds {len(paths):,} images of a {name}, not {WHOLE[1]:,}."
        for name, paths in found.items()
        if not paths or not (made_up or len(paths) in WHOLE)
    )


def write_cats_and_dogs(folder: Path, *, seed: int = 0, per_class: int = 60) -> None:
    """Write made-up photographs of several sizes in the layout with two folders."""
    from PIL import Image

    rng = np.random.default_rng([seed, 14])
    for label, name in enumerate(("Cat", "Dog")):
        inside = folder / "PetImages" / name
        inside.mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            height, width = (int(side) for side in rng.integers(40, 90, 2))
            pixels = made_up_images([label], height, width, seed=seed + 1000 * number + label)[0]
            Image.fromarray(pixels).save(inside / f"{number}.jpg", quality=90)
    # Published so: an empty file among the others.
    (folder / "PetImages" / "Cat" / f"{per_class}.jpg").touch()


CATS_AND_DOGS = Source(
    name="cats-and-dogs",
    title="Cats & Dogs",
    kind="image files",
    layout=(
        "PetImages/Cat/0.jpg… and PetImages/Dog/0.jpg…; or train/cat.0.jpg… and train/dog.0.jpg…. "
        "The competition's images without labels are not used."
    ),
    origin=(
        "Cats & Dogs is given out by Microsoft Research (download centre, Kaggle Cats and Dogs "
        "Dataset; no account) and by Kaggle (competition dogs-vs-cats; an account, and its rules "
        "accepted). For research; the photographs are from Petfinder."
    ),
    read=read_cats_and_dogs,
    tiny=write_cats_and_dogs,
    look=look_at_cats_and_dogs,
)
