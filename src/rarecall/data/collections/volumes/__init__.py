"""Data sets of volumes: studies of several modalities, read from NIfTI onto one grid."""

from rarecall.data.collections.volumes.one_study import VolumeFile
from rarecall.data.collections.volumes.prostate_mri import PROSTATE_MRI, read_studies, write_studies
from rarecall.data.collections.volumes.volume_collection import VolumeCollection
from rarecall.data.collections.volumes.volume_pool import VolumePool

SOURCES = (PROSTATE_MRI,)

__all__ = [
    "SOURCES",
    "VolumeCollection",
    "VolumeFile",
    "VolumePool",
    "read_studies",
    "write_studies",
]
