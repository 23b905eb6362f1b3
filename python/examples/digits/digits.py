"""The data and the network that the digits example's scripts share.

The data are scikit-learn's 1797 real scans of handwritten digits, 8x8 pixels
of 0 to 16. One fixed split leaves HELD_OUT of them to judge the model by;
training never sees those.
"""

from __future__ import annotations

import numpy

HELD_OUT = 360
SPLIT_SEED = 7
MODEL_FILE = "model.pt"


def load_split():
    """Gives (train images, train labels), (held-out images, labels)."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = data.images.astype(numpy.float32)
    order = numpy.random.RandomState(SPLIT_SEED).permutation(len(images))
    train, held = order[HELD_OUT:], order[:HELD_OUT]
    return (
        (images[train], data.target[train]),
        (images[held], data.target[held]),
    )


def make_network():
    """Gives an untrained network: images 8x8 in, ten logits out."""
    from torch import nn

    return nn.Sequential(
        nn.Unflatten(1, (1, 8)),
        nn.Conv2d(1, 24, 3, padding=1),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Conv2d(24, 48, 3, padding=1),
        nn.BatchNorm2d(48),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.4),
        nn.Linear(48 * 4 * 4, 10),
    )


def as_input(images):
    """Gives images (any nesting of 0 to 16) as the network wants them."""
    import torch

    return torch.as_tensor(images, dtype=torch.float32) / 16.0
