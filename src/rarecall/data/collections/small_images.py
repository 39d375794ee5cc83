"""Small images in the catalogue, besides CIFAR: STL-10, and Cats & Dogs."""

from rarecall.data.collections.cats_and_dogs import CATS_AND_DOGS
from rarecall.data.collections.stl10 import STL10

SOURCES = (STL10, CATS_AND_DOGS)
