"""Makes the small PyTorch checkpoints of this folder and checkpoints.json, what they hold. PyTorch 2.13.0, NumPy 2.

    python3 test/golden/checkpoints/make.py
"""
import json
import pathlib
import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import torch

folder = pathlib.Path(__file__).parent
values = torch.arange(24, dtype=torch.float32) / 8 - 1

tensors = OrderedDict(
    plain=values.reshape(2, 3, 4).clone(),
    half=values.half(),
    bfloat=values.bfloat16(),
    double=values.double(),
    long=torch.tensor([-(2**40), 0, 2**40]),
    int=torch.tensor([-7, 7], dtype=torch.int32),
    short=torch.tensor([-7, 7], dtype=torch.int16),
    char=torch.tensor([-7, 7], dtype=torch.int8),
    byte=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False]),
    scalar=torch.tensor(0.5),
    empty=torch.zeros(0, 4),
    parameter=torch.nn.Parameter(values[:4].clone()),
)
base = values.reshape(4, 6).clone()  # one storage for all of these
tensors.update(
    base=base,
    transposed=base.t(),
    column=base[:, 2],
    part=base[1:3, 1:6:2],
    permuted=base.reshape(2, 2, 6).permute(2, 0, 1),
)

# What PyTorch Lightning wrote in 2022, when Stable Diffusion v1.4 was trained: the class of a callback as a key, and
# NumPy's numbers under the name that they had then.
lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": lightning.__name__})
lightning.ModelCheckpoint = ModelCheckpoint
for name in ("pytorch_lightning", "pytorch_lightning.callbacks"):
    sys.modules[name] = types.ModuleType(name)
sys.modules[lightning.__name__] = lightning
scalar = np.float64(0).__reduce__()[0]


class Pickler(pickle._Pickler):
    def save_global(self, obj, name=None):
        if obj is scalar:
            self.write(pickle.GLOBAL + b"numpy.core.multiarray\nscalar\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)

    dispatch = pickle._Pickler.dispatch.copy()
    dispatch[types.FunctionType] = save_global
    dispatch[type] = lambda self, obj: self.save_global(obj)


def dump(obj, file, protocol):
    Pickler(file, protocol).dump(obj)


period = types.SimpleNamespace(Pickler=Pickler, dump=dump, __name__="period")
checkpoint = {
    "epoch": 3,
    "global_step": 470000,
    "pytorch-lightning_version": "1.4.2",
    "state_dict": OrderedDict(weight=values.reshape(4, 6).clone(), steps=torch.tensor(7)),
    "callbacks": {ModelCheckpoint: {"monitor": "val/loss", "best": torch.tensor(1.0), "score": np.float64(0.25)}},
    "optimizer_states": [{"state": {0: {"step": 1, "exp_avg": values.clone()}}}],
    "lr_schedulers": [],
}

module = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))  # its state_dict has _metadata
with torch.no_grad():
    for parameter in module.parameters():
        parameter.fill_(0.25)

for zipped, suffix in ((True, "zip"), (False, "legacy")):
    options = dict(_use_new_zipfile_serialization=zipped)
    torch.save(tensors, folder / f"tensors-{suffix}.pth", **options)
    torch.save(checkpoint, folder / f"lightning-{suffix}.ckpt", pickle_module=period, **options)
    torch.save(module.state_dict(), folder / f"module-{suffix}.pth", **options)
torch.save(tensors, folder / "tensors-protocol-4.pth", pickle_protocol=4)
torch.save(module, folder / "whole-module.pth")
torch.jit.script(torch.nn.Linear(1, 1)).save(str(folder / "torchscript.pt"))


def described(dictionary):
    return {
        name: {"shape": list(t.shape), "dtype": str(t.dtype)[6:], "values": t.detach().double().flatten().tolist()}
        for name, t in dictionary.items()
    }


held = dict(tensors=tensors, lightning=checkpoint["state_dict"], module=module.state_dict())
(folder / "checkpoints.json").write_text(json.dumps({name: described(group) for name, group in held.items()}))
