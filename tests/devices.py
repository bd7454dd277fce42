"""Where tests of the model run: each device present, and `meta`, which only has shapes."""

import torch

PRESENT = ["cpu"]
if torch.cuda.is_available():
    PRESENT.append("cuda")
if torch.backends.mps.is_available():
    PRESENT.append("mps")
WITH_META = [*PRESENT, "meta"]
