/** Faces of a store become folders of pictures with a manifest; an interrupted run resumes where it stopped. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { useBackend } from '../../backend/index.ts'
import type { MethodConfig } from '../../config/suite.ts'
import { FaceStore } from '../../data/face-store.ts'
import { writeImage } from '../../images/codec.ts'
import { defineTask } from '../../jobs/task.ts'
import { makeFolder, writeJsonAtomic } from '../../util/atomic-write.ts'
import { UserError } from '../../util/errors.ts'
import { oncePer } from '../../util/memoize.ts'
import { readRegularText } from '../../util/regular-file.ts'
import { joinUntrusted } from '../../util/safe-path.ts'
import { type Manifest, type ManifestPicture, manifestFile } from '../manifest.ts'
import { methodOf } from './index.ts'
import type { Faces, Method, SourceFace } from './method.ts'

/** What a method's folder keeps of each picture as it is made: a line of JSON. */
const logFile = 'pictures.jsonl'

/** A line of it. */
type LoggedPicture = ManifestPicture & {
  /** Of the settings and the face. */
  readonly key: string
  readonly backend?: string
}

/** Faces of a store by their place among `indices`. */
export function facesOf(store: FaceStore, indices: readonly number[]): Faces {
  const names = indices.map(index => store.entries[index]!.id.replace(/\.[^./]+$/, ''))
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw new UserError(`expected one picture called ${twice}, found two: rename one, prepare again`)
  const { size } = store
  return {
    store,
    indices,
    read: async place => {
      const index = indices[place]!
      const { id, identity } = store.entries[index]!
      return {
        image: { width: size, height: size, data: await store.bytes([index]) },
        name: names[place]!,
        id,
        identity,
      }
    },
  }
}

/** Writes the faces themselves into `folder`. */
export async function writeOriginals(faces: Faces, folder: string): Promise<void> {
  for (let place = 0; place < faces.indices.length; place++) {
    const { image, name } = await faces.read(place)
    const path = picturePath(folder, name)
    await makeFolder(dirname(path))
    await writeImage(path, image)
  }
}

/**
 * Places of the faces whose pictures are not there yet; made of another face or under other settings is not there.
 * @param folder of the method
 */
export async function unfinished(method: Method, faces: Faces, folder: string): Promise<number[]> {
  const settings = await settingsOver(method, faces)
  const finished = await readLog(join(folder, logFile))
  const folders = method.versions.flatMap(version => version.folders)
  const places: number[] = []
  for (const place of faces.indices.keys()) {
    const face = await faces.read(place)
    const isLogged = finished.get(face.name)?.key === settingsKey(settings, face)
    if (!isLogged || !folders.every(version => existsSync(picturePath(join(folder, version), face.name))))
      places.push(place)
  }
  return places
}

/**
 * Refuses to resume in a folder whose pictures of the same settings were generated on another backend: they differ in rounding and time.
 * @throws UserError naming both backends
 */
export async function refuseOtherBackend(method: Method, faces: Faces, folder: string, backend: string): Promise<void> {
  const settings = await settingsOver(method, faces)
  const finished = await readLog(join(folder, logFile))
  for (const place of faces.indices.keys()) {
    const face = await faces.read(place)
    const made = finished.get(face.name)
    // Logs of earlier versions do not say it.
    const before = made?.key === settingsKey(settings, face) ? (made.backend ?? backend) : backend
    if (before !== backend)
      throw new UserError(
        `expected pictures made by ${backend} in ${folder}, found those of ${before}: take that --backend or another --out`,
      )
  }
}

/** Makes the pictures of one face after the other into `folder`, a folder a version; a line in a log says that they are there. */
export async function makePictures(
  method: Method,
  faces: Faces,
  folder: string,
  backend: string,
): Promise<(place: number) => Promise<void>> {
  await makeFolder(folder)
  const settings = await settingsOver(method, faces)
  const make = await method.start(faces, folder)
  return async place => {
    const face = await faces.read(place)
    const { pictures, ...about } = await make(place)
    for (const [version, image] of Object.entries(pictures)) {
      const path = picturePath(join(folder, version), face.name)
      await makeFolder(dirname(path))
      await writeImage(path, image)
    }
    const { name, identity, id } = face
    await appendFile(
      join(folder, logFile),
      // A line that a crash cut short must not swallow this one.
      `\n${JSON.stringify({ key: settingsKey(settings, face), backend, name, identity, id, ...about })}\n`,
    )
  }
}

/** Writes the manifest of a method whose pictures are all there, and returns it. */
export async function writeManifest(method: Method, faces: Faces, folder: string, made: object): Promise<Manifest> {
  const finished = await readLog(join(folder, logFile))
  const pictures: ManifestPicture[] = []
  for (let place = 0; place < faces.indices.length; place++) {
    const { name } = await faces.read(place)
    const { key: _, backend: __, ...picture } = finished.get(name)!
    pictures.push(picture)
  }
  const { name, task, samples, recoveryReads } = method
  const manifest: Manifest = {
    method: name,
    task,
    aligned: true,
    samples,
    guides: [...(await method.guides())],
    ...(recoveryReads && { recoveryReads }),
    made: { ...made, settings: await method.settings() },
    pictures,
  }
  await writeJsonAtomic(join(folder, manifestFile), manifest)
  return manifest
}

const picturePath = (folder: string, name: string) => joinUntrusted(folder, `${name}.png`, 'the index of the faces')

/** All that a method's pictures of these faces depend on besides the one face. */
async function settingsOver(method: Method, { store, indices }: Faces): Promise<unknown> {
  const settings = await method.settings()
  return method.ofAllFaces ? { settings, faces: store.checksum, indices } : settings
}

/** A short name of everything that a face's pictures depend on: the settings and the face's bytes. */
function settingsKey(settings: unknown, { image, id }: SourceFace): string {
  const hash = createHash('sha256').update(JSON.stringify({ settings, id }))
  return hash.update(image.data).digest('hex').slice(0, 16)
}

/** The lines of a log by name, the last of each. One that a crash cut short is left out. */
async function readLog(path: string): Promise<Map<string, LoggedPicture>> {
  const text = await readRegularText(path).catch(() => '')
  const finished = new Map<string, LoggedPicture>()
  for (const line of text.split('\n')) {
    try {
      const entry = JSON.parse(line) as LoggedPicture
      finished.set(entry.name, entry)
    } catch {}
  }
  return finished
}

// What worker processes do: the pictures of one face under one method.

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
