"""What the reference packages take from torchvision, in plain PyTorch under torchvision's names, so that they run where
torchvision is not installed. Import it before them. Whatever else they import of it is an empty class.
"""

import importlib.abc
import importlib.machinery
import sys
import types

import torch
from torch import nn


def alexnet(**_):
    features = nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )
    return types.SimpleNamespace(features=features)


def vgg16(**_):
    layers, inputs = [], 3
    for stage in [[64, 64], [128, 128], [256] * 3, [512] * 3, [512] * 3]:
        for outputs in stage:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2, 2))
    return types.SimpleNamespace(features=nn.Sequential(*layers))


class Fire(nn.Module):
    def __init__(self, inputs, squeezed, expanded):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x):
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1).relu()


def squeezenet1_1(**_):
    def pool():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    features = nn.Sequential(
        nn.Conv2d(3, 64, 3, stride=2),
        nn.ReLU(),
        pool(),
        Fire(64, 16, 64),
        Fire(128, 16, 64),
        pool(),
        Fire(128, 32, 128),
        Fire(256, 32, 128),
        pool(),
        Fire(256, 48, 192),
        Fire(384, 48, 192),
        Fire(384, 64, 256),
        Fire(512, 64, 256),
    )
    return types.SimpleNamespace(features=features)


class StandIn(types.ModuleType):
    """torchvision or a module of it."""

    __path__ = []
    __version__ = '0.28.0'

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return type(name, (), {})


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, *_):
        if name.split('.')[0] == 'torchvision':
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(Finder())

import torchvision.models.inception

torchvision.models.__dict__.update(alexnet=alexnet, vgg16=vgg16, squeezenet1_1=squeezenet1_1)

import torch_fidelity.feature_extractor_inceptionv3 as blocks


def inception_v3(**_):
    """torchvision's network with the blocks that pytorch-fid does not replace."""
    model = nn.Module()
    model.Conv2d_1a_3x3 = blocks.BasicConv2d(3, 32, kernel_size=3, stride=2)
    model.Conv2d_2a_3x3 = blocks.BasicConv2d(32, 32, kernel_size=3)
    model.Conv2d_2b_3x3 = blocks.BasicConv2d(32, 64, kernel_size=3, padding=1)
    model.Conv2d_3b_1x1 = blocks.BasicConv2d(64, 80, kernel_size=1)
    model.Conv2d_4a_3x3 = blocks.BasicConv2d(80, 192, kernel_size=3)
    model.Mixed_6a = blocks.InceptionB(288)
    model.Mixed_7a = blocks.InceptionD(768)
    model.fc = nn.Linear(2048, 1008)
    return model


torchvision.models.inception_v3 = inception_v3
torchvision.models.inception.__dict__.update(
    InceptionA=blocks.InceptionA, InceptionC=blocks.InceptionC, InceptionE=blocks.InceptionE_1
)
