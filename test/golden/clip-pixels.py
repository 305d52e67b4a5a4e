"""Makes clip-pixels.json: pictures as transformers 5.23.0's CLIPImageProcessor prepares them with Pillow 13.0.0.

From the repository's root: python3 test/golden/clip-pixels.py > test/golden/clip-pixels.json
With a folder of photos, the same of these, whole and with what Pillow read of them: python3 ... FOLDER (a JSON line each)
"""

import base64
import json
import os
import sys

import numpy as np
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import procedural

SIZE = 224
processor = CLIPImageProcessorPil(do_rescale=False, do_normalize=False)


def prepare(picture):
    """[h, w, 3] of bytes -> [224, 224, 3] of bytes."""
    prepared = processor(Image.fromarray(picture), return_tensors='np')['pixel_values'][0]
    return np.ascontiguousarray(np.asarray(prepared).transpose(1, 2, 0)).astype(np.uint8)


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
        prepared = prepare(procedural.picture(name, width, height)).reshape(-1)
        # A prime step: all rows, columns and colours occur.
        places = range(0, prepared.size, 37)
        pictures.append({'name': name, 'width': width, 'height': height, 'step': 37, 'bytes': encoded(prepared[places])})
    entries = ',\n'.join(json.dumps(picture, separators=(',', ':')) for picture in pictures)
    sys.stdout.write(f'{{"kind":"clip-pixels","name":"clip-pixels","size":{SIZE},"pictures":[\n{entries}\n]}}\n')
