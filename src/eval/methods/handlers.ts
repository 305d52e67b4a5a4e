/** What worker processes do: the pictures of one face under one method. */
import { useBackend } from '../../backend/index.ts'
import type { MethodConfig } from '../../config/suite.ts'
import { FaceStore } from '../../data/face-store.ts'
import type { Handler } from '../../jobs/job.ts'
import { methodOf } from './index.ts'
import { facesOf, makePictures } from './make.ts'

export interface MakeInput {
  readonly config: MethodConfig
  /** Folder of the face store, and the numbers of the faces. */
  readonly store: string
  readonly indices: readonly number[]
  /** Which of them. */
  readonly place: number
  readonly folder: string
  readonly backend: string
}

/** Methods under way in this process, by all but the place. */
const started = new Map<string, Promise<(place: number) => Promise<void>>>()

/** @returns the place: a job must have a result */
const make: Handler<MakeInput, number> = async ({ place, ...work }) => {
  const key = JSON.stringify(work)
  const ready = started.get(key) ?? start(work)
  started.set(key, ready)
  await (await ready)(place)
  return place
}

async function start({ config, store, indices, folder, backend }: Omit<MakeInput, 'place'>) {
  await useBackend(backend)
  return makePictures(methodOf(config), facesOf(await FaceStore.open(store), indices), folder)
}

export const handlers = { make }
