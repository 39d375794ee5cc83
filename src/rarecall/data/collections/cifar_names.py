"""Names of CIFAR's classes by number, and the groups of them that papers set against each other."""

from __future__ import annotations

from rarecall.errors import ConfigurationError, did_you_mean

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox",
    "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
    "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
    "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake",
    "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle",
    "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip

SUPERCLASSES = {
    name: tuple(CIFAR100_CLASSES.index(word) for word in words.split())
    for name, words in {
        "aquatic mammals": "beaver dolphin otter seal whale",
        "fish": "aquarium_fish flatfish ray shark trout",
        "flowers": "orchid poppy rose sunflower tulip",
        "food containers": "bottle bowl can cup plate",
        "fruit and vegetables": "apple mushroom orange pear sweet_pepper",
        "household electrical devices": "clock keyboard lamp telephone television",
        "household furniture": "bed chair couch table wardrobe",
        "insects": "bee beetle butterfly caterpillar cockroach",
        "large carnivores": "bear leopard lion tiger wolf",
        "large man-made outdoor things": "bridge castle house road skyscraper",
        "large natural outdoor scenes": "cloud forest mountain plain sea",
        "large omnivores and herbivores": "camel cattle chimpanzee elephant kangaroo",
        "medium-sized mammals": "fox porcupine possum raccoon skunk",
        "non-insect invertebrates": "crab lobster snail spider worm",
        "people": "baby boy girl man woman",
        "reptiles": "crocodile dinosaur lizard snake turtle",
        "small mammals": "hamster mouse rabbit shrew squirrel",
        "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
        "vehicles 1": "bicycle bus motorcycle pickup_truck train",
        "vehicles 2": "lawn_mower rocket streetcar tank tractor",
    }.items()
}
"""Fine classes of each of the twenty superclasses of CIFAR-100, by name."""

SELECTIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "automobile-truck": {"negative": (1,), "positive": (9,)},
    "automobile-deer": {"negative": (1,), "positive": (4,)},
    "animals-vehicles": {"negative": (2, 3, 4, 5, 6, 7), "positive": (0, 1, 8, 9)},
    "aquatic-shark": {"negative": (4, 30, 55, 72, 95), "positive": (73,)},
    "household": {"negative": (5, 20, 25, 84, 94), "positive": (22, 39, 40, 86, 87)},
}
"""Class selections of the papers: the first three of CIFAR-10, the others of CIFAR-100; in
``household`` electronics are rare and furniture is common. Which side is rare in
``animals-vehicles`` is not printed; the smaller one is taken."""


def fine_classes(superclass: str) -> tuple[int, ...]:
    """Give the fine classes of a superclass of CIFAR-100.

    Raises:
        ConfigurationError: There is no such superclass.

    >>> fine_classes("aquatic mammals")
    (4, 30, 55, 72, 95)
    """
    try:
        return SUPERCLASSES[superclass]
    except KeyError:
        raise ConfigurationError(
            f"CIFAR-100 has no superclass {superclass!r}.{did_you_mean(superclass, SUPERCLASSES)} "
            f"There are {', '.join(SUPERCLASSES)}."
        ) from None
