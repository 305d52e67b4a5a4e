import type { Definition } from './definition.ts'

export const lpipsDefinition: Definition = {
  id: 'lpips',
  name: 'LPIPS',
  unit: '0 or more; 0 for equal pictures',
  text:
    'Learned perceptual distance of two pictures, version 0.1: the channels of five layers (SqueezeNet: seven) of an ' +
    'ImageNet network scaled to unit length at every pixel, their squared differences weighted by learned weights, ' +
    'averaged over pixels and added up. The trunk (AlexNet, VGG-16 or SqueezeNet 1.1) is named beside it; pictures are ' +
    'compared at their own size.',
  source: 'Zhang et al., CVPR 2018; lpips 0.1.4',
}
