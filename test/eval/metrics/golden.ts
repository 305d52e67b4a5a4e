/** Numbers of the reference implementations, and the inputs that both sides make by the same arithmetic. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { isMeasured, type Unmeasured } from '../../../src/eval/metrics/definition.ts'
import { proceduralInput } from '../../../src/parity/procedural.ts'

/** A file of test/golden/, without `.json`. */
export async function golden<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(fileURLToPath(new URL(`../../golden/${name}.json`, import.meta.url)), 'utf8'))
}

/** metrics.py's values(name, ...shape). */
export function values(name: string, count: number): Float64Array {
  return Float64Array.from(proceduralInput(name, [count]))
}

/** metrics.py's scores(name, genuine, impostor, step). */
export function scores(name: string, genuine: number, impostor: number, step: number): [Float64Array, Float64Array] {
  const rounded = (score: number) => (step ? Math.floor(score / step) * step : score)
  return [
    values(`${name}:genuine`, genuine).map(value => rounded(0.55 + 0.2 * value)),
    values(`${name}:impostor`, impostor).map(value => rounded(0.1 + 0.15 * value)),
  ]
}

/** |actual - expected| / |expected|. */
export function relative(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.abs(expected)
}

/** A number that is there. */
export function measured<T>(result: T): Exclude<T, Unmeasured> {
  if (!isMeasured(result)) throw new Error((result as Unmeasured).unmeasured)
  return result
}
