"""Published data sets: each by name, read from where its files were put, checked before use.

A data set has a folder of its own name below one root (:func:`data_root`), with its files as they
are published. ``CATALOGUE`` lists what is known of each: where it is to be had, what to accept, how
its files lie. Nothing is ever fetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.data.collections.catalogue import (
    collection_names,
    find_source,
    read_collection,
)
from rarecall.data.collections.checking import Presence, check_collection, presence
from rarecall.data.collections.cifar import read_cifar
from rarecall.data.collections.cifar_names import SELECTIONS, fine_classes
from rarecall.data.collections.collection import Collection, Pool
from rarecall.data.collections.places import cache_root, data_root
from rarecall.data.collections.source import Expected, Look, Source, is_made_up

if TYPE_CHECKING:
    CATALOGUE: tuple[Source, ...]

__all__ = [
    "CATALOGUE",
    "SELECTIONS",
    "Collection",
    "Expected",
    "Look",
    "Pool",
    "Presence",
    "Source",
    "cache_root",
    "check_collection",
    "collection_names",
    "data_root",
    "find_source",
    "fine_classes",
    "is_made_up",
    "presence",
    "read_cifar",
    "read_collection",
]


def __getattr__(name: str) -> Any:
    if name == "CATALOGUE":
        from rarecall.data.collections import catalogue

        return catalogue.CATALOGUE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
