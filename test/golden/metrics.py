"""Makes the numbers of metrics/: what scikit-learn 1.9.1, scikit-image 0.26.0, torchmetrics 1.9.0, pytorch-msssim 1.0.0,
pytorch-fid 0.3.0 and torch-fidelity 0.4.0 (NumPy 2.4.6, SciPy 1.17.1, PyTorch 2.13.0) say of procedural inputs.

From the repository's root: python3 test/golden/metrics.py
"""

import json
import os

import numpy as np
import torch
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import KFold

import procedural
import torchvision_stand_in  # noqa: F401, before the packages that want torchvision
from pytorch_fid.fid_score import calculate_frechet_distance
from pytorch_msssim import ms_ssim, ssim
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio as torchmetrics_psnr,
    structural_similarity_index_measure,
)

torch.set_num_threads(1)
FOLDER = os.path.join(os.path.dirname(__file__), 'metrics')


def write(name, content):
    with open(os.path.join(FOLDER, f'{name}.json'), 'w') as file:
        json.dump(content, file, separators=(',', ':'))
        file.write('\n')


def values(name, *shape):
    return procedural.values(name, shape).astype(np.float64)


def scores(name, genuine, impostor, step):
    """Two overlapping distributions; a step rounds them down to its multiples, so that there are ties."""
    g, f = 0.55 + 0.2 * values(f'{name}:genuine', genuine), 0.1 + 0.15 * values(f'{name}:impostor', impostor)
    return [np.floor(x / step) * step if step else x for x in (g, f)]


def verification():
    cases = []
    for name, genuine, impostor, step in [('smooth', 400, 3000, 0), ('tied', 250, 1200, 1 / 64)]:
        g, f = scores(f'scores:{name}', genuine, impostor, step)
        labels, both = np.r_[np.ones(genuine), np.zeros(impostor)], np.r_[g, f]
        far, tar, _ = roc_curve(labels, both, drop_intermediate=False)
        cases.append({
            'name': name,
            'genuine': genuine,
            'impostor': impostor,
            'step': step,
            'points': len(far),
            'samples': [[i, far[i], tar[i]] for i in range(0, len(far), len(far) // 40)],
            'auc': roc_auc_score(labels, both),
            'eer': brentq(lambda x: 1 - x - interp1d(far, tar)(x), 0, 1, xtol=1e-14),
            'tarAtFar': {rate: tar[far <= rate].max() for rate in [0.1, 0.01, 0.001]},
        })
    write('verification', {'cases': cases, 'lfw': lfw()})


def lfw():
    """The procedure of facenet's and insightface's calculate_roc and calculate_val, in its own words."""
    folds, half = 10, 60
    same = np.tile(np.r_[np.ones(half, bool), np.zeros(half, bool)], folds)
    g, f = scores('scores:lfw', folds * half, folds * half, 0)
    cosines = np.empty(len(same))
    cosines[same], cosines[~same] = g, f
    distances = 2 - 2 * cosines

    def rates(threshold, d, s):
        accepted = d < threshold
        return (accepted == s).mean(), accepted[s].mean(), accepted[~s].mean()

    accuracies, tars, fars = [], [], []
    for train, test in KFold(n_splits=folds, shuffle=False).split(same):
        thresholds = np.arange(0, 4, 0.01)
        best = thresholds[np.argmax([rates(t, distances[train], same[train])[0] for t in thresholds])]
        accuracies.append(rates(best, distances[test], same[test])[0])
        thresholds = np.arange(0, 4, 0.001)
        train_far = np.array([rates(t, distances[train], same[train])[2] for t in thresholds])
        # interp1d(kind='slinear'), which refuses equal rates since SciPy 1.10.
        threshold = np.interp(0.01, train_far, thresholds) if train_far.max() >= 0.01 else 0.0
        _, tar, far = rates(threshold, distances[test], same[test])
        tars.append(tar)
        fars.append(far)
    return {
        'folds': folds,
        'half': half,
        'far': 0.01,
        'accuracies': accuracies,
        'accuracy': [np.mean(accuracies), np.std(accuracies)],
        'tar': [np.mean(tars), np.std(tars)],
        'measuredFar': np.mean(fars),
    }


def nchw(picture):
    return torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float64))


def quality():
    pairs = []
    for width, height in [(64, 48), (128, 128), (181, 203), (256, 192)]:
        name = f'quality:{width}x{height}'
        x, other = (procedural.picture(f'{name}:{side}', width, height).astype(np.int64) for side in 'xy')
        x, y = x.astype(np.uint8), ((3 * x + other) // 4).astype(np.uint8)
        same = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)
        pair = {
            'name': name,
            'width': width,
            'height': height,
            'mae': np.abs(x.astype(float) - y).mean(),
            'scikit-image': {
                'psnr': peak_signal_noise_ratio(x, y, data_range=255),
                'ssim': structural_similarity(x.astype(float), y.astype(float), channel_axis=-1, **same),
            },
            'torchmetrics': {
                'psnr': torchmetrics_psnr(nchw(x), nchw(y), data_range=255.0).item(),
                'ssim': structural_similarity_index_measure(nchw(x), nchw(y), data_range=255.0).item(),
            },
            'pytorch-msssim': {'ssim': ssim(nchw(x), nchw(y), data_range=255).item()},
        }
        if min(width, height) > 160:
            pair['pytorch-msssim']['ms-ssim'] = ms_ssim(nchw(x), nchw(y), data_range=255).item()
            pair['torchmetrics']['ms-ssim'] = multiscale_structural_similarity_index_measure(
                nchw(x), nchw(y), data_range=255.0
            ).item()
        pairs.append(pair)
    write('quality', {'pairs': pairs})


def distributions():
    cases = []
    for name, n, m, d in [('fewer vectors than dimensions', 40, 50, 64), ('more vectors than dimensions', 300, 200, 24)]:
        x, y = values(f'features:{name}:x', n, d), 0.3 + 0.8 * values(f'features:{name}:y', m, d)
        # Features behind a rectifier, of unequal variances; two are equal in the first set, which makes it singular.
        x, y = np.maximum(x, 0) * np.linspace(0.2, 2, d), np.maximum(y, 0) * np.linspace(0.2, 2, d)
        x[:, 1] = x[:, 0]
        statistics = [{'mu': f.mean(0), 'sigma': np.cov(f, rowvar=False)} for f in (x, y)]
        few = min(n, m)
        kid = dict(kid_subsets=1, kid_subset_size=few, kid_kernel='poly', kid_kernel_poly_degree=3)
        kid |= dict(kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1, rng_seed=0, verbose=False)
        x_few, y_few = torch.from_numpy(x[:few]), torch.from_numpy(y[:few])
        prc = dict(prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=False, verbose=False)
        # torch-fidelity's first input is the generated one.
        shares = prc_features_to_metric(torch.from_numpy(y), torch.from_numpy(x), **prc)
        cases.append({
            'name': name,
            'counts': [n, m],
            'dimensions': d,
            'pytorch-fid': float(calculate_frechet_distance(*statistics[0].values(), *statistics[1].values())),
            'torch-fidelity': fid_statistics_to_metric(*statistics, False)['frechet_inception_distance'],
            'kid': kid_features_to_metric(x_few, y_few, **kid)['kernel_inception_distance_mean'],
            'precision': shares['precision'],
            'recall': shares['recall'],
        })
    write('distributions', {'cases': cases})


verification()
quality()
distributions()
