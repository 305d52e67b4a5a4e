"""Prints the operations of Stable Diffusion v1's UNet as PyTorch 2.13.0 counts them in diffusers 0.42.1's, by latent size.

test/plan/estimate.test.ts has the numbers. Multiplications and additions of convolutions and matrix products.
"""

import torch
from diffusers import UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

with torch.device('meta'):
    unet = UNet2DConditionModel(
        cross_attention_dim=768,
        down_block_types=('CrossAttnDownBlock2D',) * 3 + ('DownBlock2D',),
        up_block_types=('UpBlock2D',) + ('CrossAttnUpBlock2D',) * 3,
    )
    for side in (16, 64):
        with FlopCounterMode(display=False) as counter:
            unet(torch.randn(1, 4, side, side), torch.ones(1), torch.randn(1, 77, 768))
        print(side, counter.get_total_flops())
