"""Makes clip-pixels.json: pictures as transformers 5.23.0's CLIPImageProcessor prepares them with Pillow 13.0.0.

From the repository's root: python3 test/golden/clip-pixels.py > test/golden/clip-pixels.json
With a folder of photos, the same of these, whole and with what Pillow read of them: python3 ... FOLDER (a JSON line each)
"""

import base64
import json
import os
import sys
import zlib

import numpy as np
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

SIZE = 224
processor = CLIPImageProcessorPil(do_rescale=False, do_normalize=False)


def prepare(picture):
    """[h, w, 3] of bytes -> [224, 224, 3] of bytes."""
    prepared = processor(Image.fromarray(picture), return_tensors='np')['pixel_values'][0]
    return np.ascontiguousarray(np.asarray(prepared).transpose(1, 2, 0)).astype(np.uint8)


def procedural(name, width, height):
    """Bytes: squares of random colours, hard edges at every scale; each square of 2 ** k pixels has its own hash."""
    y, x = np.mgrid[:height, :width].astype(np.uint64)
    levels = np.zeros((height, width, 3), np.uint64)
    for k, share in enumerate([1, 2, 4, 8]):
        for c in range(3):
            i = ((y >> k) * np.uint64(4099) + (x >> k)) * np.uint64(12) + np.uint64(3 * k + c)
            levels[..., c] += fmix32((zlib.crc32(name.encode()) + i * np.uint64(0x9E3779B1)) % 2**32) * np.uint64(share)
    # The sum over 15 levels has mean 127; doubling its deviation saturates, where the kernel overshoots.
    return np.clip((levels >> np.uint64(24)).astype(np.int64) // 15 * 2 - 128, 0, 255).astype(np.uint8)


def fmix32(h):
    h = h ^ (h >> np.uint64(16))
    h = (h * np.uint64(0x85EBCA6B)) % 2**32
    h = h ^ (h >> np.uint64(13))
    h = (h * np.uint64(0xC2B2AE35)) % 2**32
    return h ^ (h >> np.uint64(16))


def encoded(array):
    return base64.b64encode(array.tobytes()).decode()


if len(sys.argv) > 1:
    for name in sorted(os.listdir(sys.argv[1])):
        picture = np.asarray(Image.open(os.path.join(sys.argv[1], name)).convert('RGB'))
        height, width, _ = picture.shape
        print(json.dumps({'name': name, 'width': width, 'height': height, 'picture': encoded(picture), 'prepared': encoded(prepare(picture))}))
else:
    pictures = []
    for width, height in [(512, 512), (250, 250), (224, 224), (128, 128), (97, 61), (300, 421), (641, 480)]:
        name = f'clip-pixels:{width}x{height}'
        prepared = prepare(procedural(name, width, height)).reshape(-1)
        # A prime step: all rows, columns and colours occur.
        places = range(0, prepared.size, 37)
        pictures.append({'name': name, 'width': width, 'height': height, 'step': 37, 'bytes': encoded(prepared[places])})
    entries = ',\n'.join(json.dumps(picture, separators=(',', ':')) for picture in pictures)
    sys.stdout.write(f'{{"kind":"clip-pixels","name":"clip-pixels","size":{SIZE},"pictures":[\n{entries}\n]}}\n')
