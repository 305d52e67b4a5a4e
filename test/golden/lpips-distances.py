"""Makes lpips-distances.json: distances of procedural pictures by lpips 0.1.4 with procedural weights (PyTorch 2.13.0).

From the repository's root: python3 test/golden/lpips-distances.py > test/golden/lpips-distances.json
"""

import json
import sys

import numpy as np
import torch

import procedural
import torchvision_stand_in  # noqa: F401, before the package that wants torchvision
import lpips

torch.set_num_threads(1)

# He's gain, so that the signal does not fade in VGG's thirteen layers.
GAIN = 2**0.5
# Odd and even sides: poolings end differently.
SIZES = [[64, 64], [97, 75]]


def load(network):
    """Gives the network procedural weights of torchvision's and lpips' names, and returns their shapes."""
    shapes = {}
    for name, parameter in network.named_parameters():
        # 'net.slice2.3.weight' is torchvision's 'features.3.weight'.
        trunk = 'features.' + name.split('.', 2)[2] if name.startswith('net.') else name
        shapes[trunk] = list(parameter.shape)
        value = procedural.weight(trunk, shapes[trunk]) * np.float32(GAIN if parameter.dim() == 4 else 1)
        # Real ones of the linear layers are not negative.
        parameter.data = torch.from_numpy(np.abs(value) if name.startswith('lin') else value)
    return shapes


def tensor(name, width, height):
    picture = procedural.picture(name, width, height)
    return torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()).float() / 127.5 - 1


trunks = {}
for trunk in ['alex', 'vgg', 'squeeze']:
    network = lpips.LPIPS(net=trunk, pnet_rand=True, pretrained=False, verbose=False)
    parameters = load(network)
    distances = []
    for width, height in SIZES:
        with torch.no_grad():
            x, y = (tensor(f'lpips:{side}{width}x{height}', width, height) for side in 'xy')
            # The second comparison is of nearly equal pictures.
            distances.append([network(x, y).item(), network(x, 0.9 * x + 0.1 * y).item()])
    trunks[trunk] = {'parameters': parameters, 'distances': distances}

json.dump(
    {'kind': 'lpips', 'name': 'lpips-distances', 'config': {'gain': GAIN, 'sizes': SIZES}, 'trunks': trunks},
    sys.stdout,
    separators=(',', ':'),
)
