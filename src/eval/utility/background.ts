/** How much changed that is not face. */
import { backgroundChangeDefinition } from '../metrics/background-change.ts'
import { pixelMetric } from '../pixel-metric.ts'

/** Outside of the mean face's mask where the original's face is. */
export const background = pixelMetric('background', 'utility', { background: backgroundChangeDefinition })
