"""Makes autoencoder-tiny.json: a small autoencoder of the TAESD family with procedural weights, written in PyTorch 2.13.0
as github.com/madebyollin/taesd describes it.

From the repository's root: python3 test/golden/autoencoder-tiny.py > test/golden/autoencoder-tiny.json
"""

import json

import torch
from torch import nn

import procedural

torch.set_num_threads(1)
NAME = 'autoencoder-tiny'
CONFIG = {'latentChannels': 4, 'width': 8, 'blocks': 1, 'groupNorm': True}
Z, C, BLOCKS = CONFIG['latentChannels'], CONFIG['width'], CONFIG['blocks']


def conv(inputs, outputs, **options):
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)


class Clamp(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


class Block(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.conv = nn.Sequential(conv(C, C), nn.ReLU(), conv(C, C), nn.ReLU(), conv(C, C))
        self.pool = None
        if branch:
            wide, back = nn.Conv2d(C, 4 * C, 1, bias=False), nn.Conv2d(4 * C, C, 1, bias=False)
            self.pool = nn.Sequential(wide, nn.GroupNorm(4, 4 * C), nn.ReLU(), back)

    def forward(self, x):
        if self.pool is not None:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


def blocks(branch=False):
    return [Block(branch) for _ in range(BLOCKS)]


def smaller():
    return conv(C, C, stride=2, bias=False)


def larger():
    return [nn.Upsample(scale_factor=2), conv(C, C, bias=False)]


encoder = [conv(3, C), Block(False), smaller(), *blocks(), smaller(), *blocks(), smaller(), *blocks(True), conv(C, Z)]
decoder = [Clamp(), conv(Z, C), nn.ReLU(), *blocks(True), *larger(), *blocks(), *larger(), *blocks(), *larger()]
decoder += [Block(False), conv(C, 3)]
network = nn.ModuleDict({'encoder': nn.Sequential(*encoder), 'decoder': nn.Sequential(*decoder)})
shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
network.load_state_dict({name: torch.from_numpy(procedural.weight(name, shape)) for name, shape in shapes.items()})

inputs = {
    'image': {'name': f'{NAME}:image', 'shape': [1, 3, 16, 16], 'scale': 0.5},
    'z': {'name': f'{NAME}:z', 'shape': [1, Z, 2, 2]},
    'cotangent': {'name': f'{NAME}:cotangent', 'shape': [1, 3, 16, 16]},
}
made = {k: torch.from_numpy(procedural.values(v['name'], v['shape'], v.get('scale', 1))) for k, v in inputs.items()}
z = made['z'].requires_grad_()
latent = network['encoder']((made['image'] + 1) / 2)
moments = torch.cat([latent, torch.full_like(latent, -30)], 1)
decoded = network['decoder'](z) * 2 - 1
(gradient,) = torch.autograd.grad((decoded * made['cotangent']).sum(), z)


def tensor(t):
    return {'shape': list(t.shape), 'values': t.detach().flatten().tolist()}


golden = {
    'kind': 'tiny-autoencoder',
    'name': NAME,
    'config': CONFIG,
    'parameters': shapes,
    'inputs': inputs,
    'outputs': {'moments': tensor(moments), 'decoded': tensor(decoded)},
    'gradients': {'z': tensor(gradient)},
}
print(json.dumps(golden))
