"""Published data sets: each by name, read from where its files were put, checked before use."""

from rarecall.data.collections.cifar import read_cifar
from rarecall.data.collections.collection import Collection, Pool

__all__ = ["Collection", "Pool", "read_cifar"]
