"""The PyTorch side of the bench. Started with a case, its settings and the number of threads as JSON; prints {"ready": ...}
once warm, then answers every line on its standard input by the seconds that one repetition took."""

import json
import sys
import time

import networks
import torch
from torch.nn import functional as F

settings = json.loads(sys.argv[1])
torch.set_num_threads(settings["threads"])
device = torch.device(settings["device"])
model = settings["model"]
torch.manual_seed(0)


def on_device(module, trained=False):
    return module.to(device).requires_grad_(trained).train(trained)


def latents(n):
    side, channels = model["imageSize"] // 8, model["autoencoder"]["latentChannels"]
    return torch.randn(n, channels, side, side, device=device)


def context(n):
    return torch.randn(n, len(model["prompt"]["placeholder"]), model["unet"]["contextDim"], device=device)


def timesteps(n):
    return torch.arange(n, device=device) * 31.0


def unet_forward():
    unet, z, t, c = on_device(networks.UNet(model["unet"])), latents(1), timesteps(1), context(1)

    def run():
        with torch.no_grad():
            unet(z, t, c)

    return run


def stable_diffusion_forward(side):
    from diffusers import UNet2DConditionModel

    sizes = model["unet"]
    base, widths = sizes["modelChannels"], [m * sizes["modelChannels"] for m in sizes["channelMult"]]
    assert base == 320, "diffusers' defaults are Stable Diffusion v1's"
    unet = on_device(
        UNet2DConditionModel(
            sample_size=64, block_out_channels=widths, cross_attention_dim=sizes["contextDim"], attention_head_dim=8
        )
    )
    z, c = torch.randn(1, 4, side, side, device=device), torch.randn(1, 77, sizes["contextDim"], device=device)

    def run():
        with torch.no_grad():
            unet(z, 500, c)

    return run


def decode():
    autoencoder, z = on_device(networks.FoldedAutoencoder(model["autoencoder"])), latents(1)

    def run():
        with torch.no_grad():
            autoencoder.decode(z)

    return run


def decode_gradient():
    autoencoder, z = on_device(networks.FoldedAutoencoder(model["autoencoder"])), latents(1).requires_grad_()

    def run():
        torch.autograd.grad(autoencoder.decode(z).square().mean(), z)

    return run


def guided(n):
    unet, dlib = on_device(networks.UNet(model["unet"])), on_device(networks.Dlib())
    autoencoder = on_device(networks.FoldedAutoencoder(model["autoencoder"]))
    c, reference = context(1), F.normalize(torch.randn(1, 128, device=device))
    alpha, alpha_previous = 0.5, 0.6

    def energy(images):
        e = dlib(images)
        pairs = torch.triu(F.relu(e @ e.T - 0.8), 1).sum()
        return F.relu((e * reference).sum(1) - 0.8).sum() + pairs

    def step(z):
        with torch.no_grad():
            eps = unet(z, torch.full([n], 500.0, device=device), c.expand(n, -1, -1))
            clean = (z - (1 - alpha) ** 0.5 * eps) / alpha**0.5
            previous = alpha_previous**0.5 * clean + (1 - alpha_previous) ** 0.5 * eps
        clean.requires_grad_()
        (gradient,) = torch.autograd.grad(energy(autoencoder.decode(clean)), clean)
        return previous - gradient

    return step, autoencoder


def guided_step(n):
    step, _ = guided(n)
    z = latents(n)
    return lambda: step(z)


def whole_face(n, steps):
    step, autoencoder = guided(n)
    face = torch.rand(1, 3, model["imageSize"], model["imageSize"], device=device) * 2 - 1
    noise = latents(n)

    def run():
        with torch.no_grad():
            mean = autoencoder.encode(face).chunk(2, 1)[0]
        z = 0.7 * mean + 0.7 * noise
        for _ in range(steps):
            z = step(z)
        with torch.no_grad():
            autoencoder.decode(z).clamp(-1, 1)

    return run


def trained(parameters, loss):
    """One step of training: loss, gradient, clipping, AdamW in its fastest form, moving average."""
    optimizer = torch.optim.AdamW(parameters, lr=1e-9, weight_decay=0.01, fused=True)
    average = [p.detach().clone() for p in parameters]
    bf16 = settings["precision"] == "bf16"

    def run():
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            value = loss()
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch._foreach_lerp_(average, parameters, 0.01)

    return run


def noise_prediction_loss(unet, z, t, c):
    noise = torch.randn_like(z)
    return F.mse_loss(unet(0.7 * z + 0.7 * noise, t, c).float(), noise)


def base_step(batch):
    unet = on_device(networks.UNet(model["unet"]), trained=True)
    z, t, c = latents(batch), timesteps(batch), context(batch)
    return trained(list(unet.parameters()), lambda: noise_prediction_loss(unet, z, t, c))


def msi_step(batch):
    unet, text = on_device(networks.UNet(model["unet"])), on_device(networks.TextTransformer(model["text"], model["prompt"]))
    msi = on_device(networks.Msi(model["msi"]), trained=True)
    sides = [8, 8, 8, 4, 2]
    features = [torch.randn(batch, s * s, w, device=device) for s, w in zip(sides, model["msi"]["featureDims"])]
    z, t = latents(batch), timesteps(batch)
    return trained(list(msi.parameters()), lambda: noise_prediction_loss(unet, z, t, text(msi(features, 5))))


def generator(size):
    synthesis, styles = on_device(networks.Synthesis()), torch.randn(1, 16, 512, device=device)

    def run():
        with torch.no_grad():
            synthesis.features(styles, 5) if size == 256 else synthesis(styles)

    return run


def generator_gradient(size):
    assert size == 256, "whose features are those of the first five blocks"
    synthesis, styles = on_device(networks.Synthesis()), torch.randn(1, 16, 512, device=device, requires_grad=True)

    def run():
        torch.autograd.grad(synthesis.features(styles, 5).square().mean(), styles)

    return run


def peak(kind):
    if kind == "product":
        a = torch.randn(2048, 2048, device=device)
        return lambda: a @ a
    conv = on_device(torch.nn.Conv2d(128, 128, 3, padding=1, bias=False))
    x = torch.randn(16, 128, 32, 32, device=device)

    def run():
        with torch.no_grad():
            conv(x)

    return run


cases = {
    "unet-forward": unet_forward,
    "sd-unet": stable_diffusion_forward,
    "decode": decode,
    "decode-gradient": decode_gradient,
    "guided-step": guided_step,
    "whole-face": whole_face,
    "base-step": base_step,
    "msi-step": msi_step,
    "generator": generator,
    "generator-gradient": generator_gradient,
    "peak": peak,
}
run = cases[settings["work"]](*settings["arguments"])


def timed():
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


for _ in range(settings["warmup"]):
    timed()
print(json.dumps({"ready": f"PyTorch {torch.__version__}"}), flush=True)
for _ in sys.stdin:
    print(json.dumps({"seconds": timed()}), flush=True)
