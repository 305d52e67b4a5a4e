"""Training in PyTorch: AdamW, clipping by global norm, warm-up and cosine, an average of the weights, accumulated
gradients, on a network of two layers. Writes training/optimizer.json. Made with torch 2.13.0 (CPU, float32)."""

import json
from pathlib import Path

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.optim.swa_utils import AveragedModel

torch.manual_seed(5)
# Gradients are longer than the clip in some steps only, and the average's decay rises to its full value in the eighth.
steps, warmup, peak, final, clip, decay = 12, 4, 0.05, 0.002, 4.3, 0.5
accumulate, batch, inputs, hidden, outputs = 2, 4, 6, 8, 3


def numbers(tensor):
    return [float(x) for x in tensor.detach().flatten()]


network = torch.nn.Sequential(torch.nn.Linear(inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, outputs))
start = {name: p.detach().clone() for name, p in network.named_parameters()}
x = torch.randn(steps * accumulate, batch, inputs)
y = 5 * torch.randn(steps * accumulate, batch, outputs)

matrices = [p for p in network.parameters() if p.dim() > 1]
others = [p for p in network.parameters() if p.dim() == 1]
optimizer = torch.optim.AdamW(
    [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
    lr=peak, betas=(0.9, 0.99), eps=1e-8,
)
schedule = SequentialLR(
    optimizer,
    [
        LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup - 1),
        CosineAnnealingLR(optimizer, T_max=steps - warmup, eta_min=final),
    ],
    milestones=[warmup],
)


def follow(average, current, count):
    # The decay rises to its full value as the average has more to go on: (1 + step) / (10 + step) at first.
    step = int(count) - 1
    return torch.lerp(average, current, 1 - min(decay, (1 + step) / (10 + step)))


average = AveragedModel(network, avg_fn=follow)
average.update_parameters(network)  # the first call copies the weights as they are before the first step

told = []
for step in range(steps):
    optimizer.zero_grad()
    total = 0.0
    for i in range(step * accumulate, (step + 1) * accumulate):
        loss = torch.nn.functional.mse_loss(network(x[i]), y[i])
        (loss / accumulate).backward()
        total += loss.item() / accumulate
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
    told.append({"loss": total, "learningRate": schedule.get_last_lr()[0], "gradientNorm": norm.item()})
    optimizer.step()
    schedule.step()
    average.update_parameters(network)

named = dict(network.named_parameters())
result = {
    "torch": torch.__version__,
    "config": {
        "steps": steps, "accumulate": accumulate, "averageDecay": decay,
        "learningRate": {"peak": peak, "final": final, "warmup": warmup},
        "optimizer": {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "weightDecay": 0.1, "clipNorm": clip},
    },
    "parameters": {name: list(p.shape) for name, p in named.items()},
    "start": {name: numbers(p) for name, p in start.items()},
    "x": {"shape": list(x.shape), "values": numbers(x)},
    "y": {"shape": list(y.shape), "values": numbers(y)},
    "steps": told,
    "weights": {name: numbers(p) for name, p in named.items()},
    "average": {name: numbers(p) for name, p in average.module.named_parameters()},
    "first": {name: numbers(optimizer.state[p]["exp_avg"]) for name, p in named.items()},
    "second": {name: numbers(optimizer.state[p]["exp_avg_sq"]) for name, p in named.items()},
}
path = Path(__file__).parent / "training" / "optimizer.json"
path.write_text(json.dumps(result) + "\n")
print(path.stat().st_size, [round(t["gradientNorm"], 2) for t in told], [round(t["learningRate"], 4) for t in told])
