"""Random weights for tests of models."""

import torch
from torch import nn


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stir(module: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights everywhere, biases and LayerNorm too, as a trained model has them."""
    draw = generator(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=draw)
    return module
