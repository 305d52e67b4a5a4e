/** A whole comparison: each method protects the same faces into folders, and each folder is measured in the same way. */
import { join } from 'node:path'
import type { MethodConfig } from '../config/suite.ts'
import { FaceStore } from '../data/face-store.ts'
import { mapConcurrently } from '../jobs/concurrency.ts'
import { processPool } from '../jobs/process-pool.ts'
import { UserError } from '../util/errors.ts'
import { oncePer } from '../util/memoize.ts'
import { type Evaluation, type EvaluationOptions, evaluateWith } from './evaluation.ts'
import { withFeatures } from './features/cache.ts'
import { manifestFile, readManifest } from './manifest.ts'
import { methodOf } from './methods/index.ts'
import {
  facesOf,
  makePictures,
  makePicturesTask,
  refuseOtherBackend,
  unfinished,
  writeManifest,
  writeOriginals,
} from './methods/make.ts'
import type { Faces, Method } from './methods/method.ts'

export interface SuiteOptions {
  readonly methods: readonly MethodConfig[]
  /** Folder of the face store, and the numbers of its faces to protect. */
  readonly store: string
  readonly indices: readonly number[]
  readonly out: string
  /** Worker processes. */
  readonly jobs: number
  readonly backend: string
  /** Goes into each manifest: what was run, on what. */
  readonly made: object
  /** Told of the pictures that are not there yet. */
  readonly onMade?: (done: number, total: number, method: string) => void
}

/** Where a suite's originals are. */
export const originalsFolder = (out: string) => join(out, 'originals')

/**
 * Protects the faces by every method: `out/originals`, and `out/METHOD` with a manifest and a folder for each version.
 * @throws UserError when two methods have one name, or pictures of another backend are there
 */
export async function makeSuite(options: SuiteOptions): Promise<void> {
  const { methods, out, indices, made, onMade = () => {} } = options
  const named = methods.map(config => ({ config, method: methodOf(config) }))
  const names = named.map(({ method }) => method.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw new UserError(`expected one method called ${twice}, found two: give one of them a name of its own`)
  const store = await FaceStore.open(options.store)
  try {
    const faces = facesOf(store, indices)
    await writeOriginals(faces, originalsFolder(out))
    const work: Task[] = []
    for (const { config, method } of named) {
      const folder = join(out, method.name)
      const places = await unfinished(method, faces, folder)
      if (places.length < indices.length) await refuseOtherBackend(method, faces, folder, options.backend)
      work.push(...places.map(place => ({ config, method, place })))
    }
    let done = 0
    const one = await maker(options, faces)
    try {
      await mapConcurrently(work, options.jobs, async task => {
        await one.make(task)
        onMade(++done, work.length, task.method.name)
      })
    } finally {
      await one.close()
    }
    for (const { method } of named) await writeManifest(method, faces, join(out, method.name), made)
  } finally {
    await store.close()
  }
}

/**
 * Measures what `makeSuite` made, method after method.
 * @param out the folder that was given to it
 * @param onMethod told the name of each before it is measured
 */
export async function measureSuite(
  methods: readonly MethodConfig[],
  out: string,
  options: Omit<EvaluationOptions, 'method' | 'originals' | 'versions' | 'manifest' | 'names'>,
  onMethod: (method: string) => void = () => {},
): Promise<Evaluation[]> {
  // Held for all of them: another process could not take its turn between two.
  return withFeatures(options.cache, async cache => {
    const evaluations: Evaluation[] = []
    for (const config of methods) {
      const { name, versions } = methodOf(config)
      onMethod(name)
      const manifest = await readManifest(join(out, name, manifestFile))
      evaluations.push(
        await evaluateWith(cache, {
          ...options,
          method: name,
          originals: originalsFolder(out),
          versions: versions.map(version => ({
            ...version,
            folders: version.folders.map(folder => join(out, name, folder)),
          })),
          manifest,
          names: manifest.pictures.map(picture => picture.name),
        }),
      )
    }
    return evaluations
  })
}

interface Task {
  readonly config: MethodConfig
  readonly method: Method
  readonly place: number
}

/** Makes pictures in this process, or in several others. */
async function maker(options: SuiteOptions, faces: Faces) {
  const { out, jobs, store, indices, backend } = options
  if (jobs === 1) {
    const start = oncePer((method: Method) => makePictures(method, faces, join(out, method.name), backend))
    return {
      make: async ({ method, place }: Task) => (await start(method))(place),
      close: async () => {},
    }
  }
  // Not `out`: METHOD-PLACE may be the folder of another method.
  const pool = processPool({ processes: jobs, scratch: join(out, '.jobs') })
  return {
    make: async ({ config, method, place }: Task) => {
      const input = { config, store, indices, place, folder: join(out, method.name), backend }
      await pool.run(makePicturesTask, input, { id: `${method.name}-${place}` })
    },
    close: () => pool.close(),
  }
}
