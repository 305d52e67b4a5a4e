/** What worker processes do: the pictures of one face under one method. */
import { useBackend } from '../../backend/index.ts'
import type { MethodConfig } from '../../config/suite.ts'
import { FaceStore } from '../../data/face-store.ts'
import { defineTask } from '../../jobs/task.ts'
import { oncePer } from '../../util/memoize.ts'
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

/** @returns the place: a job must have a result */
export const makePicturesTask = defineTask('make', import.meta.url, async ({ place, ...work }: MakeInput) => {
  const makeFace = await start(JSON.stringify(work))
  await makeFace(place)
  return place
})

/** A method gets under way once a process, by all that it is asked but the place. */
const start = oncePer(async (work: string) => {
  const { config, store, indices, folder, backend } = JSON.parse(work) as Omit<MakeInput, 'place'>
  await useBackend(backend)
  return makePictures(methodOf(config), facesOf(await FaceStore.open(store), indices), folder, backend)
})
