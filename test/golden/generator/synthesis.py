"""Makes synthesis.json: faces and gradients of the generator by PyTorch (2.13.0, CPU, float64) with the weights of
assets/generator.safetensors, which are of float16, and what OpenVINO made with the published ones of float32.

OpenVINO's part, the codes and its pictures, is kept from the file that is there; it was made by random_face 2021.7.21.1.
From the repository's root: python3 test/golden/generator/synthesis.py
"""

import json
import math
import pathlib
import sys

import torch
from safetensors.torch import load_file
from torch.nn import functional as F

root = pathlib.Path(__file__).parents[3]
sys.path.append(str(root / "bench"))
from networks import Synthesis  # noqa: E402

torch.set_num_threads(1)
path = pathlib.Path(__file__).with_suffix(".json")
golden = json.loads(path.read_text())

tensors = load_file(root / "assets/generator.safetensors")
# In float32 PyTorch's own gradients differ from these by up to 9e-4.
network = Synthesis().double()
network.load_state_dict(
    {name: tensors["synthesis." + name].double() for name in network.state_dict()}
)
network.requires_grad_(False)


def numbers(x):
    return [float(f"{value:.7g}") for value in x.flatten().tolist()]


def means(x, side):
    """Over squares: [1, c, h, w] -> [h / side, w / side, c]."""
    return F.avg_pool2d(x, side)[0].permute(1, 2, 0)


def loss(x, side):
    """The mean of means over squares times sin(0.37 k), k counting them."""
    values = means(x, side).flatten()
    return (values * torch.tensor([math.sin(0.37 * k) for k in range(len(values))], dtype=x.dtype)).mean()


def gradient(f, styles):
    styles = styles.clone().requires_grad_()
    value = f(styles)
    (slope,) = torch.autograd.grad(value, styles)
    return {
        "loss": value.item(),
        "rowNorms": numbers(slope[0].norm(dim=1)),
        "firstOfRows": [numbers(row[:8]) for row in slope[0]],
    }


codes = torch.tensor(golden["openvino"]["styles"], dtype=torch.float64)
styles = codes[torch.tensor(golden["rows"])][None]
golden["pytorch"] = {
    "means": numbers(means(network(styles), 64)),
    "image": gradient(lambda w: loss(network(w), 16), styles),
    # of the features of faces of 256 pixels
    "features": gradient(lambda w: loss(network.features(w, 5), 16), styles),
}
path.write_text(json.dumps(golden) + "\n")
