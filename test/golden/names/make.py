"""Writes the names and shapes of the tensors of published networks, as the packages that publish them make them:
diffusers 0.42.1, transformers 5.23.0, facenet-pytorch 2.6.0, PyTorch 2.13.0. A name is a path through nested objects.

    python3 test/golden/names/make.py
"""
import importlib.util
import json
import pathlib
import sys
import types

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPConfig, CLIPModel

folder = pathlib.Path(__file__).parent


def facenet():
    """InceptionResnetV1 without the rest of the package, which wants torchvision."""
    root = next(pathlib.Path(p) / "facenet_pytorch/models" for p in sys.path if (pathlib.Path(p) / "facenet_pytorch").exists())
    for name in ("facenet", "facenet.models", "facenet.models.utils", "facenet.models.utils.download"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["facenet.models.utils.download"].download_url_to_file = None
    spec = importlib.util.spec_from_file_location("facenet.models.inception", root / "inception_resnet_v1.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.InceptionResnetV1(classify=True, num_classes=8631, device=torch.device("meta"))


def tree(state):
    root = {}
    for name, shape in state.items():
        *path, last = name.split(".")
        node = root
        for part in path:
            node = node.setdefault(part, {})
        node[last] = shape
    return root


def shapes(model):
    return {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def old_attention(state):
    """diffusers before 0.15: as its ModelMixin still converts (_convert_deprecated_attention_blocks), the other way."""
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new, name in old.items():
        state = {key.replace(f"attentions.0.{new}.", f"attentions.0.{name}."): shape for key, shape in state.items()}
    return state


width = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12)
vision = dict(hidden_size=1024, intermediate_size=4096, num_attention_heads=16, num_hidden_layers=24, patch_size=14)
with torch.device("meta"):
    unet = shapes(UNet2DConditionModel(sample_size=64, cross_attention_dim=768))
    vae = shapes(
        AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
        )
    )
    clip = shapes(CLIPModel(CLIPConfig(text_config=width, vision_config=vision, projection_dim=768)))
    text = {name: shape for name, shape in clip.items() if name.startswith("text_model.")}
    lists = {
        "diffusers": {
            **{f"unet.{name}": shape for name, shape in unet.items()},
            **{f"vae.{name}": shape for name, shape in vae.items()},
            **{f"text_encoder.{name}": shape for name, shape in text.items()},
        },
        "diffusers-old-vae": {f"vae.{name}": shape for name, shape in old_attention(vae).items()},
        "clip-vit-large-patch14": clip,
        "facenet": shapes(facenet()),
    }
for name, state in lists.items():
    (folder / f"{name}.json").write_text(json.dumps(tree(state), separators=(",", ":")) + "\n")
    print(name, len(state))
