/** What worker processes do: draw a batch of faces. */
import { useBackend } from '../../backend/index.ts'
import { writeImage } from '../../images/codec.ts'
import { defineTask } from '../../jobs/task.ts'
import { loadModelOnce } from '../../pipeline/model.ts'
import { type Drawing, drawFaces } from './draw.ts'

export interface DrawInput extends Drawing {
  readonly model: string
  /** By seed, where its face goes. */
  readonly paths: readonly (readonly [seed: number, path: string])[]
}

/** @returns seconds, loading apart */
export const drawTask = defineTask(
  'draw',
  import.meta.url,
  async ({ model: name, paths, ...drawing }: DrawInput, { environment }) => {
    await useBackend(environment.backend)
    const model = await loadModelOnce(name)
    const started = performance.now()
    const seeds = paths.map(([seed]) => seed)
    for (const [i, image] of (await drawFaces(model, seeds, drawing)).entries()) await writeImage(paths[i]![1], image)
    return (performance.now() - started) / 1000
  },
)
