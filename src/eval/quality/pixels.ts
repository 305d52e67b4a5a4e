/** How alike a version and its original are, pixel by pixel. */
import { maeDefinition } from '../metrics/mae.ts'
import { msSsimDefinition } from '../metrics/ms-ssim.ts'
import { psnrDefinition } from '../metrics/psnr.ts'
import { ssimDefinition } from '../metrics/ssim.ts'
import { pixelMetric } from '../pixel-metric.ts'

export const pixelQuality = pixelMetric('pixels', 'quality', {
  psnr: psnrDefinition,
  ssim: ssimDefinition,
  'ms-ssim': msSsimDefinition,
  mae: maeDefinition,
})
