/** Methods by what configs call them. */
import type { MethodConfig } from '../../config/suite.ts'
import { blur } from '../baselines/blur.ts'
import { eyeBar } from '../baselines/eye-bar.ts'
import { meanFace } from '../baselines/mean-face.ts'
import { noise } from '../baselines/noise.ts'
import { pixelate } from '../baselines/pixelate.ts'
import type { Method } from './method.ts'
import { protecting, recovering } from './model.ts'

export function methodOf(config: MethodConfig): Method {
  switch (config.method) {
    case 'anonymize':
    case 'hide':
      return protecting(config)
    case 'recover':
      return recovering(config)
    case 'blur':
      return blur(config.deviation)
    case 'pixelate':
      return pixelate(config.block)
    case 'eye-bar':
      return eyeBar()
    case 'mean-face':
      return meanFace()
    case 'noise':
      return noise(config.deviation)
  }
}
