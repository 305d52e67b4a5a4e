"""The networks of Diff-Privacy written plainly in PyTorch, in the sizes of configs/models/*.yaml, with random weights: what
the bench measures ours against. Stable Diffusion's are those of diffusers."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class ResBlock(nn.Module):
    def __init__(self, inputs, outputs, time_width, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time_width, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, time, context):
        h = self.conv1(F.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    def __init__(self, width, context_width, heads, inner=None, bias=False):
        super().__init__()
        inner = inner or width
        self.heads = heads
        self.q = nn.Linear(width, inner, bias=bias)
        self.k = nn.Linear(context_width, inner, bias=bias)
        self.v = nn.Linear(context_width, inner, bias=bias)
        self.out = nn.Linear(inner, width)

    def forward(self, x, context, causal=False):
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(context)), split(self.v(context))
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2))


class SpatialTransformer(nn.Module):
    def __init__(self, width, context_width, heads, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1 = Attention(width, width, heads)
        self.attn2 = Attention(width, context_width, heads)
        self.gated = nn.Linear(width, 8 * width)
        self.out = nn.Linear(4 * width, width)
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, x, time, context):
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        a = self.norm1(tokens)
        tokens = tokens + self.attn1(a, a)
        tokens = tokens + self.attn2(self.norm2(tokens), context)
        value, gate = self.gated(self.norm3(tokens)).chunk(2, -1)
        tokens = tokens + self.out(value * F.gelu(gate))
        return x + self.proj_out(tokens.transpose(1, 2).reshape(x.shape))


class Resample(nn.Module):
    def __init__(self, width, up):
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(width, width, 3, stride=1 if up else 2, padding=1)

    def forward(self, x, time, context):
        return self.conv(F.interpolate(x, scale_factor=2) if self.up else x)


class Stem(nn.Conv2d):
    def forward(self, x, time, context):
        return super().forward(x)


class Sequence(nn.ModuleList):
    def forward(self, x, time, context):
        for part in self:
            x = part(x, time, context)
        return x


class UNet(nn.Module):
    """src/models/unet.ts: z [n, c, h, w], timesteps [n], context [n, s, d] -> predicted noise."""

    def __init__(self, config):
        super().__init__()
        base, multiples, blocks = config["modelChannels"], config["channelMult"], config["numResBlocks"]
        groups, time_width = config.get("groups") or 32, 4 * base
        resnet = lambda inputs, outputs: ResBlock(inputs, outputs, time_width, groups)
        attend = lambda width: SpatialTransformer(width, config["contextDim"], config["numHeads"], groups)
        attends = lambda level: 2**level in config["attentionResolutions"]
        self.frequencies = base
        self.time = nn.Sequential(nn.Linear(base, time_width), nn.SiLU(), nn.Linear(time_width, time_width), nn.SiLU())
        self.inputs = nn.ModuleList([Sequence([Stem(config["inChannels"], base, 3, padding=1)])])
        self.outputs = nn.ModuleList()
        skips, width = [base], base
        for level, multiple in enumerate(multiples):
            for _ in range(blocks):
                parts = [resnet(width, multiple * base)]
                width = multiple * base
                self.inputs.append(Sequence(parts + ([attend(width)] if attends(level) else [])))
                skips.append(width)
            if level < len(multiples) - 1:
                self.inputs.append(Sequence([Resample(width, up=False)]))
                skips.append(width)
        self.middle = Sequence([resnet(width, width), attend(width), resnet(width, width)])
        for level, multiple in reversed(list(enumerate(multiples))):
            for block in range(blocks + 1):
                parts = [resnet(width + skips.pop(), multiple * base)]
                width = multiple * base
                if attends(level):
                    parts.append(attend(width))
                if level > 0 and block == blocks:
                    parts.append(Resample(width, up=True))
                self.outputs.append(Sequence(parts))
        self.out = nn.Sequential(nn.GroupNorm(groups, width), nn.SiLU(), nn.Conv2d(width, config["outChannels"], 3, padding=1))

    def forward(self, z, timesteps, context):
        half = self.frequencies // 2
        rates = torch.exp(-math.log(10000) * torch.arange(half, device=z.device) / half)
        angles = timesteps[:, None] * rates
        time = self.time(torch.cat([angles.cos(), angles.sin()], 1))
        skips, x = [], z
        for block in self.inputs:
            x = block(x, time, context)
            skips.append(x)
        x = self.middle(x, time, context)
        for block in self.outputs:
            x = block(torch.cat([x, skips.pop()], 1), time, context)
        return self.out(x)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(32, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(32, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip

    def forward(self, x):
        return x + self.body(x)


class FoldedAutoencoder(nn.Module):
    """src/models/autoencoder-folded.ts."""

    def __init__(self, config):
        super().__init__()
        z, (wide, deep), thin = config["latentChannels"], config["widths"], config["thinWidth"]
        residuals = lambda width, count: [Residual(width) for _ in range(count)]
        self.encode = nn.Sequential(
            nn.PixelUnshuffle(4), nn.Conv2d(48, wide, 3, padding=1), *residuals(wide, config["encoderBlocks"][0]),
            nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(wide, deep, 3, stride=2), *residuals(deep, config["encoderBlocks"][1]),
            nn.GroupNorm(32, deep), nn.SiLU(), nn.Conv2d(deep, 2 * z, 3, padding=1),
        )  # fmt: skip
        self.decode = nn.Sequential(
            nn.Conv2d(z, deep, 3, padding=1), *residuals(deep, config["decoderBlocks"][1]),
            nn.Upsample(scale_factor=2), nn.Conv2d(deep, wide, 3, padding=1), *residuals(wide, config["decoderBlocks"][0]),
            nn.GroupNorm(32, wide), nn.SiLU(), nn.Conv2d(wide, 16 * thin, 3, padding=1),
            nn.PixelShuffle(4), nn.ReLU(), nn.Conv2d(thin, 3, 3, padding=1),
        )  # fmt: skip


class DlibBlock(nn.Module):
    def __init__(self, inputs, outputs, down):
        super().__init__()
        self.down = down
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2 if down else 1, padding=0 if down else 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x):
        branch = self.conv2(F.relu(self.conv1(x)))
        shortcut = F.avg_pool2d(x, 2, 2) if self.down else x
        fill = lambda a, b: F.pad(a, [k for axis in (3, 2, 1) for k in (0, max(0, b.shape[axis] - a.shape[axis]))])
        return F.relu(fill(shortcut, branch) + fill(branch, shortcut))


class Dlib(nn.Module):
    """src/models/recognizers/dlib.ts: aligned faces -> embeddings of unit length."""

    def __init__(self):
        super().__init__()
        layers, width = [nn.Conv2d(3, 32, 7, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2)], 32
        for outputs, downs, plain in [(32, 0, 3), (64, 1, 3), (128, 1, 2), (256, 1, 2), (256, 1, 0)]:
            for down in [True] * downs + [False] * plain:
                layers.append(DlibBlock(width, outputs, down))
                width = outputs
        self.body = nn.Sequential(*layers)
        self.fc = nn.Linear(256, 128, bias=False)

    def forward(self, faces):
        size = faces.shape[-1]
        # the rectangle of dlib's chip, 18..110 by 35..127 of 128
        crop = faces[:, :, size * 35 // 128 : size * 127 // 128, size * 18 // 128 : size * 110 // 128]
        chips = F.interpolate(crop, (150, 150), mode="bilinear", antialias=True)
        return F.normalize(self.fc(self.body(chips).mean((2, 3))))


class TextTransformer(nn.Module):
    """src/models/clip.ts: placeholder vectors [n, d] at `position` of one prompt -> context [n, p, d]."""

    def __init__(self, config, prompt):
        super().__init__()
        width, self.position = config["width"], prompt["position"]
        self.register_buffer("ids", torch.tensor(prompt["placeholder"]))
        self.tokens = nn.Embedding(config["vocabulary"], width)
        self.places = nn.Parameter(torch.randn(config["positions"], width) * 0.02)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(width),
                    "attention": Attention(width, width, config["heads"], bias=True),
                    "norm2": nn.LayerNorm(width),
                    "fc1": nn.Linear(width, config["innerWidth"]),
                    "fc2": nn.Linear(config["innerWidth"], width),
                }
            )
            for _ in range(config["layers"])
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, vectors):
        words = self.tokens(self.ids).expand(len(vectors), -1, -1)
        x = torch.cat([words[:, : self.position], vectors[:, None], words[:, self.position + 1 :]], 1) + self.places
        for layer in self.layers:
            a = layer["norm1"](x)
            x = x + layer["attention"](a, a, causal=True)
            h = layer["fc1"](layer["norm2"](x))
            x = x + layer["fc2"](h * torch.sigmoid(1.702 * h))
        return self.norm(x)


class Msi(nn.Module):
    """src/models/msi.ts, variant patch: features of five scales and a bucket -> placeholder vectors [n, d]."""

    def __init__(self, config):
        super().__init__()
        width = config["dim"]
        inner = config["heads"] * config["headDim"]
        project = lambda features: nn.Sequential(nn.Linear(features, width, bias=False), nn.Linear(width, width, bias=False))
        self.time = nn.Embedding(10, width)
        self.projections = nn.ModuleList(project(features) for features in config["featureDims"])
        self.attn1 = Attention(width, width, config["heads"], inner)
        self.attn2 = Attention(width, width, config["heads"], inner)
        self.out = nn.Linear(width, width)
        self.gain = width

    def forward(self, features, bucket):
        scale = bucket // 2
        modulated = lambda tokens: F.normalize(self.projections[scale](tokens), dim=-1) * self.time.weight[bucket]
        e, context = modulated(features[scale].mean(1, keepdim=True)), modulated(features[scale])
        x = self.attn1(e * self.gain, context)
        return self.out(self.attn2(x * self.gain, context))[:, 0]


def inverse_haar(x):
    """src/models/ops/haar.ts: coefficients [n, 4c, h, w] in bands LL, LH, HL, HH -> pixels [n, c, 2h, 2w]."""
    ll, lh, hl, hh = (x / 2).chunk(4, 1)
    left, right, down, across = ll + hl, ll - hl, lh + hh, lh - hh
    pixels = torch.stack([left + down, right + across, left - down, right - across], 2)
    return F.pixel_shuffle(pixels.flatten(1, 2), 2)


class Modulation(nn.Linear):
    def __init__(self, channels):
        super().__init__(512, channels)

    def forward(self, x, style):
        return x * super().forward(style)[:, :, None, None]


class Activated(nn.Module):
    """Fixed noise, bias and leaky ReLU after a modulated convolution."""

    def __init__(self, inputs, outputs, side):
        super().__init__()
        self.style = Modulation(inputs)
        self.noise = nn.Parameter(torch.zeros(1, 1, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x, style):
        return F.leaky_relu(self.convolve(self.style(x, style)) + self.noise, 0.2)


class Separable(Activated):
    def __init__(self, inputs, outputs, side):
        super().__init__(inputs, outputs, side)
        self.depthwise = nn.Parameter(torch.randn(inputs, 1, 3, 3) / 3)
        self.pointwise = nn.Parameter(torch.randn(outputs, inputs, 1, 1) / inputs**0.5)

    def convolve(self, x):
        return F.conv2d(F.conv2d(x, self.depthwise, padding=1, groups=x.shape[1]), self.pointwise, self.bias)


class First(Activated):
    def __init__(self):
        super().__init__(512, 512, 4)
        self.weight = nn.Parameter(torch.randn(512, 512, 3, 3) / 4608**0.5)

    def convolve(self, x):
        return F.conv2d(x, self.weight, self.bias, padding=1)


class GeneratorBlock(nn.Module):
    def __init__(self, inputs, outputs, side):
        super().__init__()
        self.up = Modulation(inputs)
        self.conv1 = Separable(inputs // 4, outputs, side)
        self.conv2 = Separable(outputs, outputs, side)

    def forward(self, x, a, b):
        return self.conv2(self.conv1(inverse_haar(self.up(x, a)), a), b)


class ImageHead(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.style = Modulation(inputs)
        self.weight = nn.Parameter(torch.randn(12, inputs, 1, 1) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(12))

    def forward(self, x, style):
        return inverse_haar(F.conv2d(self.style(x, style), self.weight, self.bias))


class Synthesis(nn.Module):
    """src/models/generator/synthesis.ts: styles [n, 16, 512] -> faces [n, 3, 1024, 1024], or the features of its 256 pixels."""

    def __init__(self):
        super().__init__()
        widths = [512, 512, 512, 512, 512, 256, 128, 64]
        self.const = nn.Parameter(torch.randn(1, 512, 4, 4))
        self.conv0 = First()
        self.blocks = nn.ModuleList(GeneratorBlock(widths[i], widths[i + 1], 8 << i) for i in range(7))
        self.to_img = nn.ModuleDict({"6": ImageHead(64)})

    def features(self, styles, blocks):
        x = self.conv0(self.const, styles[:, 0])
        for i, block in enumerate(self.blocks[:blocks]):
            x = block(x, styles[:, 1 + 2 * i], styles[:, 2 + 2 * i])
        return x

    def forward(self, styles):
        return self.to_img["6"](self.features(styles, 7), styles[:, 15])
