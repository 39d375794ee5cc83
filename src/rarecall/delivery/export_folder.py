"""The folder of an export: whole or absent, with all that a runtime without rarecall must know."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError, StorageError
from rarecall.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rarecall.delivery.delivered import Delivered

FACTS = "export.json"
FORMAT = 1


def check_room(out: Path, *, overwrite: bool) -> None:
    """Make sure that an export may be written there, before the work is done.

    Raises:
        ConfigurationError: Something lies there, and it is no export, or none to be replaced.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    export = (out / FACTS).is_file()
    if not (overwrite and export):
        raise ConfigurationError(
            f"{out} is there already. Choose another --out"
            + (", or give --overwrite." if export else ".")
        )


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out``; on success it takes the place of ``out``.

    Raises:
        StorageError: The file system refused.
    """
    beside: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        ready = beside / "ready"
        ready.mkdir()
        yield ready
        if out.exists():
            out.rename(beside / "before")
        ready.rename(out)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"Cannot write {out}: {error.strerror or error}. Free space or choose another folder."
        ) from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)


def write_facts(folder: Path, model: Delivered, facts: Mapping[str, Any]) -> None:
    """Write preprocessing, certificates, and the facts of the export.

    Args:
        folder: Of the export.
        model: That was exported.
        facts: What is known of the exported file, plain values.
    """
    manifest = model.manifest
    write_json(folder / "preprocessing.json", manifest.preprocessing)
    for number, certificate in model.certificates.items():
        several = model.task.kind != "binary"
        certificate.save(folder / (f"certificate-{number}.json" if several else "certificate.json"))
    known = {
        "format": FORMAT,
        "rarecall": manifest.rarecall,
        "model": manifest.fingerprint,
        "method": manifest.method,
        "classes": list(manifest.classes),
        "thresholds": [one.model_dump(mode="json") for one in manifest.thresholds],
    }
    write_json(folder / FACTS, {**known, **facts})
