"""Makes facenet.json and adds input gradients to bisenet.json. PyTorch 2.13.0 on the CPU, facenet-pytorch 2.6.0.

From the repository's root: python3 test/golden/networks.py
facenet-pytorch imports torchvision for its detector, which is not needed here: an empty stand-in is enough. BiSeNet has no
package; its definition here reproduces the logits that bisenet.json had before.
"""

import json
import sys
import types
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
for name, members in {'torchvision': ['transforms'], 'torchvision.transforms': ['functional'],
                      'torchvision.transforms.functional': ['to_tensor'], 'torchvision.ops': [],
                      'torchvision.ops.boxes': ['batched_nms']}.items():
    module = types.ModuleType(name)
    for member in members:
        setattr(module, member, None)
    sys.modules[name] = module
sys.modules['torchvision'].transforms = sys.modules['torchvision.transforms']
sys.modules['torchvision.transforms'].functional = sys.modules['torchvision.transforms.functional']
from facenet_pytorch import InceptionResnetV1  # noqa: E402


def uniform(name, count):
    h = (np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B1) + np.uint64(zlib.crc32(name.encode()))) % 2**32
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(0x85EBCA6B)) % 2**32
    h ^= h >> np.uint64(13)
    h = (h * np.uint64(0xC2B2AE35)) % 2**32
    h ^= h >> np.uint64(16)
    return h.astype(np.float64) / 2**32 - 0.5


def weight(name, shape):
    count = int(np.prod(shape))
    u = uniform(name, count)
    if name.endswith('running_var'):
        values = 1 + 0.5 * u
    elif name.endswith('running_mean') or name.endswith('bias'):
        values = 0.1 * u
    elif len(shape) <= 1:
        values = 1 + 0.2 * u
    else:
        values = u * np.sqrt(12 / (count / shape[0]))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def made(entry):
    values = uniform(entry['name'], int(np.prod(entry['shape']))) * np.sqrt(12)
    return torch.from_numpy(values.astype(np.float32).reshape(entry['shape']))


def filled(network):
    """The network with procedural weights in evaluation mode, and the shapes of its parameters."""
    state = {k: v for k, v in network.state_dict().items() if not k.endswith('num_batches_tracked')}
    network.load_state_dict({k: weight(k, list(v.shape)) for k, v in state.items()}, strict=False)
    return network.eval(), {k: list(v.shape) for k, v in state.items()}


def described(tensor, samples=None):
    values = tensor.detach().reshape(-1).double().numpy()
    statistics = {'mean': values.mean(), 'std': values.std(), 'min': values.min(), 'max': values.max()}
    result = {'shape': list(tensor.shape), **{k: float(v) for k, v in statistics.items()}}
    if samples is None:
        return {**result, 'values': [float(v) for v in tensor.detach().reshape(-1)]}
    places = np.unique(np.linspace(0, values.size - 1, samples).astype(int))
    return {**result, 'samples': [[int(i), float(values[i])] for i in places]}


def gradient(network, x, cotangent):
    x.requires_grad_(True)
    output = network(x)
    (output * cotangent).sum().backward()
    return output, x.grad


def conv_norm(inputs, outputs, kernel=3, stride=1):
    norm = nn.BatchNorm2d(outputs)
    return nn.ModuleDict({'conv': nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), 'bn': norm})


def run(pair, x):
    return F.relu(pair['bn'](pair['conv'](x)))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Refinement(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.conv = conv_norm(inputs, 128)
        self.conv_atten = nn.Conv2d(128, 128, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(128)

    def forward(self, x):
        y = run(self.conv, x)
        return y * torch.sigmoid(self.bn_atten(self.conv_atten(y.mean((2, 3), keepdim=True))))


class BiSeNet(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        layers = {f'layer{i + 1}': nn.Sequential(Block(a, b, s), Block(b, b, 1)) for i, (a, b, s) in enumerate(widths)}
        stem = {'conv1': nn.Conv2d(3, 64, 7, 2, 3, bias=False), 'bn1': nn.BatchNorm2d(64)}
        self.cp = nn.ModuleDict({
            'resnet': nn.ModuleDict({**stem, **layers}),
            'arm16': Refinement(256), 'arm32': Refinement(512),
            'conv_head32': conv_norm(128, 128), 'conv_head16': conv_norm(128, 128), 'conv_avg': conv_norm(512, 128, 1),
        })
        self.ffm = nn.ModuleDict({
            'convblk': conv_norm(256, 256, 1),
            'conv1': nn.Conv2d(256, 64, 1, bias=False), 'conv2': nn.Conv2d(64, 256, 1, bias=False),
        })
        for name, inputs, hidden in [('conv_out', 256, 256), ('conv_out16', 128, 64), ('conv_out32', 128, 64)]:
            head = {'conv': conv_norm(inputs, hidden), 'conv_out': nn.Conv2d(hidden, 19, 1, bias=False)}
            setattr(self, name, nn.ModuleDict(head))

    def forward(self, x):
        cp, resnet = self.cp, self.cp['resnet']
        y = F.max_pool2d(F.relu(resnet['bn1'](resnet['conv1'](x))), 3, 2, 1)
        feature8 = resnet['layer2'](resnet['layer1'](y))
        feature16 = resnet['layer3'](feature8)
        feature32 = resnet['layer4'](feature16)
        overall = run(cp['conv_avg'], feature32.mean((2, 3), keepdim=True))
        context = cp['arm32'](feature32) + F.interpolate(overall, feature32.shape[2:], mode='nearest')
        context = run(cp['conv_head32'], F.interpolate(context, feature16.shape[2:], mode='nearest'))
        context = F.interpolate(cp['arm16'](feature16) + context, feature8.shape[2:], mode='nearest')
        context = run(cp['conv_head16'], context)
        y = run(self.ffm['convblk'], torch.cat([feature8, context], 1))
        attention = torch.sigmoid(self.ffm['conv2'](F.relu(self.ffm['conv1'](y.mean((2, 3), keepdim=True)))))
        y = run(self.conv_out['conv'], y + y * attention)
        return F.interpolate(self.conv_out['conv_out'](y), x.shape[2:], mode='bilinear', align_corners=True)


network, parameters = filled(InceptionResnetV1())
# With this input no relu is near its kink: rounding does not change the gradient, as it does with most others.
inputs = {'x': {'name': 'facenet:x:2', 'shape': [2, 3, 160, 160]}, 'cotangent': {'name': 'facenet:cotangent', 'shape': [2, 512]}}
embedding, dx = gradient(network, made(inputs['x']), made(inputs['cotangent']))
with open('test/golden/facenet.json', 'w') as file:
    json.dump({
        'kind': 'facenet', 'name': 'facenet', 'architecture': 'InceptionResnetV1 of facenet-pytorch, evaluation mode',
        'parameters': parameters, 'inputs': inputs,
        'outputs': {'embedding': described(embedding)}, 'gradients': {'x': described(dx, 512)},
    }, file)
    file.write('\n')

with open('test/golden/bisenet.json') as file:
    golden = json.load(file)
network, parameters = filled(BiSeNet())
assert parameters == golden['parameters']
golden['inputs']['cotangent'] = {'name': 'bisenet:cotangent', 'shape': golden['outputs']['logits']['shape']}
logits, dx = gradient(network, made(golden['inputs']['x']), made(golden['inputs']['cotangent']))
flat = logits.detach().reshape(-1)
error = max(abs(float(flat[i]) - v) for i, v in golden['outputs']['logits']['samples'])
assert error < 1e-4, error
print(f'BiSeNet: logits differ from bisenet.json by {error:.1e} at most')
golden['gradients'] = {'x': described(dx, 512)}
with open('test/golden/bisenet.json', 'w') as file:
    json.dump(golden, file)
    file.write('\n')
