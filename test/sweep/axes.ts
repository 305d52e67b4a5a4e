/** Axes as a sweep's file gives them, defaults filled in. */
import type { AxisConfig } from '../../src/config/sweep.ts'

export function axis(given: NonNullable<AxisConfig['values']> | Partial<AxisConfig>): AxisConfig {
  const common = { scale: 'linear', integer: false, draw: 'even' } as const
  return Array.isArray(given) ? { ...common, values: given } : { ...common, ...given }
}
