"""Writes the tensors of a safetensors file as a PyTorch checkpoint such as Stable Diffusion's own:
python scripts/safetensors-to-ckpt.py IN.safetensors OUT.ckpt   (torch 2.13.0, safetensors)
"""
import sys

import torch
from safetensors.torch import load_file

source, target = sys.argv[1:]
torch.save({"global_step": 0, "state_dict": load_file(source)}, target)
