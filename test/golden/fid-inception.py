"""Makes fid-inception.json: features of the FID Inception network with procedural weights, and FID, KID, precision and
recall of two sets of procedural pictures, as pytorch-fid 0.3.0, torch-fidelity 0.4.0 and Pillow 13.0.0 (for clean-fid's
resize) compute them with PyTorch 2.13.0.

From the repository's root: python3 test/golden/fid-inception.py > test/golden/fid-inception.json
"""

import json
import sys

import numpy as np
import torch
from PIL import Image

import procedural
import torchvision_stand_in  # noqa: F401, before the packages that want torchvision
import torch_fidelity.feature_extractor_inceptionv3 as torch_fidelity_inception
from pytorch_fid import fid_score, inception
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

torch.set_num_threads(1)

# He's gain: with less, the signal would fade under the biases over forty layers.
GAIN = 2**0.5
RESIZES = ['pytorch-fid', 'torch-fidelity', 'clean-fid']


def shapes():
    torch_fidelity_inception.load_state_dict_from_url = lambda *_, **__: {}
    extractor = torch_fidelity_inception.FeatureExtractorInceptionV3
    extractor.load_state_dict = lambda *_: None
    network = extractor('shapes', ['2048'])
    del extractor.load_state_dict
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items() if 'num_batches' not in name}


def parameters(shapes):
    for name, shape in shapes.items():
        gain = np.float32(GAIN if len(shape) == 4 else 1)
        yield name, torch.from_numpy(procedural.weight(name, shape) * gain)
        if name.endswith('running_var'):
            yield name.replace('running_var', 'num_batches_tracked'), torch.tensor(0)


SHAPES = shapes()
PARAMETERS = dict(parameters(SHAPES))
torch_fidelity_inception.load_state_dict_from_url = lambda *_, **__: PARAMETERS
inception.load_state_dict_from_url = lambda *_, **__: PARAMETERS
TORCH_FIDELITY = torch_fidelity_inception.FeatureExtractorInceptionV3('inception-v3-compat', ['2048'])
PYTORCH_FID = inception.InceptionV3().eval()


def clean_fid_resize(picture):
    """cleanfid.resize.make_resizer('PIL', False, 'bicubic', (299, 299)), one channel at a time in float32."""
    channels = [
        np.asarray(Image.fromarray(picture[..., c].astype(np.float32)).resize((299, 299), Image.BICUBIC)).clip(0, 255)
        for c in range(3)
    ]
    return np.stack(channels)


@torch.no_grad()
def features(picture, resize):
    nchw = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
    if resize == 'pytorch-fid':
        return PYTORCH_FID(nchw.float() / 255)[0].numpy().reshape(-1)
    if resize == 'torch-fidelity':
        return TORCH_FIDELITY(nchw)[0].numpy().reshape(-1)
    # clean-fid runs the same network on its own pixels; of 299 x 299, pytorch-fid's resizing leaves them as they are.
    x = (torch.from_numpy(clean_fid_resize(picture))[None] - 128) / 128
    return PYTORCH_FID((x + 1) / 2)[0].numpy().reshape(-1)


SIDES = [(128, 128), (97, 61), (320, 299)]
samples = [i * 73 % 2048 for i in range(64)]
outputs = {}
for resize in RESIZES:
    for width, height in SIDES:
        name = f'fid-inception:{width}x{height}'
        values = features(procedural.picture(name, width, height), resize)
        outputs[f'{resize} {width}x{height}'] = {
            'shape': [1, 2048],
            'mean': float(values.mean()),
            'std': float(values.std()),
            'samples': [[i, float(values[i])] for i in samples],
        }

# Two sets that differ: the second one's pictures are darkened.
COUNT = 8
sets = {'x': [], 'y': []}
for i in range(COUNT):
    sets['x'].append(procedural.picture(f'fid:x{i}', 96, 96))
    sets['y'].append((procedural.picture(f'fid:y{i}', 96, 96) // 2).astype(np.uint8))
distances = {}
for resize in RESIZES:
    x, y = (torch.from_numpy(np.stack([features(p, resize) for p in sets[key]])) for key in ['x', 'y'])
    statistics = [(np.mean(f, axis=0), np.cov(f, rowvar=False)) for f in (x.double().numpy(), y.double().numpy())]
    distances[resize] = {
        'pytorch-fid FID': float(fid_score.calculate_frechet_distance(*statistics[0], *statistics[1])),
        'torch-fidelity FID': fid_statistics_to_metric(
            fid_features_to_statistics(x.double()), fid_features_to_statistics(y.double()), False
        )['frechet_inception_distance'],
        'torch-fidelity KID': kid_features_to_metric(
            x.double(),
            y.double(),
            kid_subsets=1,
            kid_subset_size=COUNT,
            kid_kernel='poly',
            kid_kernel_poly_degree=3,
            kid_kernel_poly_gamma=None,
            kid_kernel_poly_coef0=1,
            rng_seed=0,
            verbose=False,
        )['kernel_inception_distance_mean'],
    }
    print(resize, distances[resize], x.std(0).mean(), x.mean(), file=sys.stderr)

json.dump(
    {
        'kind': 'fid-inception',
        'name': 'fid-inception',
        'config': {'gain': GAIN, 'pictures': SIDES, 'set': {'count': COUNT, 'side': 96}},
        'parameters': {name: shape for name, shape in SHAPES.items() if not name.startswith('fc.')},
        'inputs': {},
        'outputs': outputs,
        'distances': distances,
    },
    sys.stdout,
    separators=(',', ':'),
)
