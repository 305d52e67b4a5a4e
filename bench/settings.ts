import type { ModelConfig } from '../src/config/model.ts'
import type { Case } from './cases.ts'

/** What a process of either side is started with, as JSON. */
export interface Settings extends Pick<Case, 'work' | 'arguments' | 'precision'> {
  readonly model: ModelConfig
  readonly threads: number
  /** Repetitions that nobody times. */
  readonly warmup: number
  /** Ours. */
  readonly backend: string
  /** PyTorch's. */
  readonly device: string
}
