/** What protects photo files, here or where the workers of a pool are, and what it did it with. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { useBackend } from '../backend/index.ts'
import type { Recipe } from '../config/recipe.ts'
import { UserError } from '../errors.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import { JobError, type Pool } from '../jobs/job.ts'
import { pathFrom, type RunRecord, recognizerWeights, recordFiles, softwareOf } from '../run-record.ts'
import { keyPath, protectFile, writeProtected } from './files.ts'
import { loadModel } from './model.ts'
import type { ProtectPhotoOptions } from './photo.ts'
import { type PhotoResult, type PhotoTask, unpackPhoto } from './photo-job.ts'

export interface ProtectedFile extends Pick<RunRecord, 'software' | 'weights'> {
  readonly faces: number
}

/**
 * Protects the photo at `path` into `outputs`, one a sample, each with its key beside it.
 * @throws UserError, beginning with the path, when it is no picture, shows no face, or the outputs cannot be written
 */
export type Protector = (
  path: string,
  outputs: readonly string[],
  onStep?: ProtectPhotoOptions['onStep'],
) => Promise<ProtectedFile>

/** In this process. */
export async function localProtector(recipe: Recipe, passphrase?: string): Promise<Protector> {
  const backend = await useBackend(recipe.backend)
  const model = await loadModel(recipe.model)
  const guide = await loadRecognizer(recipe.guide)
  const used = {
    software: await softwareOf(backend),
    weights: { [model.name]: model.sha256, ...(await recognizerWeights([recipe.guide])) },
  }
  return async (path, outputs, onStep) => ({
    faces: await protectFile(model, guide, path, outputs, recipe, { passphrase, onStep }),
    ...used,
  })
}

/** By the workers of a pool. They see the photos; the passphrase and the key files stay here. */
export function pooledProtector(pool: Pool, recipe: Recipe, passphrase?: string): Protector {
  return async (path, outputs) => {
    const photo = await readFile(path)
    const input: PhotoTask = { recipe, photo: photo.toString('base64') }
    const id = createHash('sha256').update(JSON.stringify(recipe)).update(photo).digest('hex').slice(0, 32)
    const result = (await pool.run({ id, kind: 'photo', input }).catch(error => {
      throw error instanceof JobError ? new UserError(`${path}: ${error.message.split('\n')[0]}`) : error
    })) as PhotoResult
    const { faces, photos } = await unpackPhoto(result)
    await writeProtected({ faces, photos }, outputs, passphrase)
    return { faces: faces.length, software: result.software, weights: result.weights }
  }
}

/** Writes run.json: a run for each machine's software, as photos of a queue may have gone to several. */
export async function recordProtected(
  out: string,
  recipe: Recipe,
  done: readonly (ProtectedFile & { path: string; paths: readonly string[] })[],
  encrypted: boolean,
): Promise<void> {
  const runs = new Map<string, (typeof done)[number][]>()
  for (const photo of done) {
    const { software, weights } = photo
    const key = JSON.stringify({ software, weights })
    runs.set(key, [...(runs.get(key) ?? []), photo])
  }
  for (const photos of runs.values()) {
    const { software, weights } = photos[0]!
    await recordFiles(out, {
      command: recipe.task,
      settings: {
        recipe,
        photos: photos.map(({ path, paths }) => ({
          photo: pathFrom(out, path),
          outputs: paths.map(output => pathFrom(out, output)),
        })),
      },
      software,
      weights,
      inputs: photos.map(({ path }) => path),
      // Encryption is never twice the same.
      outputs: photos.flatMap(({ paths }) => paths.flatMap(path => (encrypted ? [path] : [path, keyPath(path)]))),
    })
  }
}
