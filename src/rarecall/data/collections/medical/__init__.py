"""Published collections of medical images: skin, eyes, chest, breast, lymph nodes."""

from rarecall.data.collections.medical import body, breast, chest, eyes, patches, skin
from rarecall.data.collections.medical.chest import certain_labels, read_chexpert

SOURCES = (
    *skin.SOURCES,
    *body.SOURCES,
    *eyes.SOURCES,
    *chest.SOURCES,
    *breast.SOURCES,
    *patches.SOURCES,
)
"""Of the catalogue."""

__all__ = ["SOURCES", "certain_labels", "read_chexpert"]
