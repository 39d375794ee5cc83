"""Images with a row of data each, as tensors for two networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rarecall.data.image_preprocessor import ImagePreprocessor
from rarecall.data.preprocessing import Preprocessor
from rarecall.data.table_preprocessor import TablePreprocessor
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.data.samples import Samples


@dataclass(frozen=True)
class FusionPreprocessor(Preprocessor):
    """Encodes images and their metadata, each as its own preprocessor does.

    Attributes:
        images: Of the images.
        table: Of the rows beside them.
    """

    images: ImagePreprocessor
    table: TablePreprocessor

    @classmethod
    def fit(cls, samples: Samples) -> FusionPreprocessor:
        """Fit both on the training part.

        Raises:
            DataError: No column of the metadata varies in training.
        """
        return cls(ImagePreprocessor.fit(samples), TablePreprocessor.fit(_beside(samples)))

    def transform(self, samples: Samples) -> dict[str, Any]:
        """Encode samples as ``{"image": ..., "table": {...}}``.

        Raises:
            DataError: There is no metadata, a column is missing, or the images do not fit.
        """
        return {
            "image": self.images.transform(samples),
            "table": self.table.transform(_beside(samples)),
        }

    @property
    def spec(self) -> dict[str, Any]:
        """``kind``, and the specs of both, ``images`` and ``table``."""
        return {"kind": "images+table", "images": self.images.spec, "table": self.table.spec}

    def to_json(self) -> dict[str, Any]:
        """Give all that was fitted, in plain JSON values."""
        return {
            "kind": "images+table",
            "images": self.images.to_json(),
            "table": self.table.to_json(),
        }

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> FusionPreprocessor:
        """Restore what :meth:`to_json` gave."""
        images = ImagePreprocessor.restore(stored["images"])
        return cls(images, TablePreprocessor.restore(stored["table"]))


def _beside(samples: Samples) -> Samples:
    if samples.metadata is None:
        raise DataError(
            f"The model takes images with a row of data each, but {samples.name} has none. Load it "
            "with `metadata` (--metadata), naming the columns of the training."
        )
    return replace(samples, kind="table", features=samples.metadata, metadata=None)
