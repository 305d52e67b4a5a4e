/** Methods by what configs call them. */
import type { MethodConfig } from '../../config/suite.ts'
import { blur, eyeBar, meanFace, noise, pixelate } from '../baselines.ts'
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
