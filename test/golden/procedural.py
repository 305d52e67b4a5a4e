"""Values and pictures made from names, as src/parity/procedural.ts makes them."""

import zlib

import numpy as np


def fmix32(h):
    """MurmurHash3's finalizer of uint64 arrays below 2 ** 32."""
    h = h ^ (h >> np.uint64(16))
    h = (h * np.uint64(0x85EBCA6B)) % 2**32
    h = h ^ (h >> np.uint64(13))
    h = (h * np.uint64(0xC2B2AE35)) % 2**32
    return h ^ (h >> np.uint64(16))


def fill(name, shape, scale, offset):
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    h = fmix32((np.uint64(zlib.crc32(name.encode())) + i * np.uint64(0x9E3779B1)) % 2**32)
    return ((h / 2**32 - 0.5) * scale + offset).astype(np.float32).reshape(shape)


def weight(name, shape):
    count = int(np.prod(shape))
    if name.endswith('running_var'):
        return fill(name, shape, 0.5, 1)
    if name.endswith('running_mean') or name.endswith('bias'):
        return fill(name, shape, 0.1, 0)
    if len(shape) <= 1:
        return fill(name, shape, 0.2, 1)
    return fill(name, shape, np.sqrt(12 / (count / shape[0])), 0)


def values(name, shape, scale=1):
    return fill(name, shape, np.sqrt(12) * scale, 0)


def picture(name, width, height):
    """Bytes [height, width, 3]: squares of random colours, hard edges at every scale."""
    y, x = np.mgrid[:height, :width].astype(np.uint64)
    levels = np.zeros((height, width, 3), np.uint64)
    for k, share in enumerate([1, 2, 4, 8]):
        for c in range(3):
            i = ((y >> k) * np.uint64(4099) + (x >> k)) * np.uint64(12) + np.uint64(3 * k + c)
            levels[..., c] += fmix32((zlib.crc32(name.encode()) + i * np.uint64(0x9E3779B1)) % 2**32) * np.uint64(share)
    # The sum over 15 levels has mean 127; doubling its deviation saturates, where kernels overshoot.
    return np.clip((levels >> np.uint64(24)).astype(np.int64) // 15 * 2 - 128, 0, 255).astype(np.uint8)
