/** What the page shows, and what is done about it: photos are worked on one after the other, in a worker. */
import { computed, signal } from '@preact/signals'
import * as Comlink from 'comlink'
import type { Progress } from './downloads.ts'
import type { Choice, FoundPhoto, Strength, Task, Version } from './engine.ts'
import type { StudioEngine } from './worker.ts'

export interface FaceState {
  readonly choice: Choice
  readonly versions: readonly (Version & { readonly url: string })[]
  /** Of the version that is being made, 0..1. */
  readonly progress: number | undefined
}

export interface PhotoState {
  readonly id: string
  readonly name: string
  readonly file: File
  /** The picture as the browser shows it; what it cannot show has none. */
  readonly url: string
  readonly status: 'waiting' | 'searching' | 'protecting' | 'ready' | 'failed'
  /** What went wrong, in a sentence. */
  readonly problem?: string
  readonly found?: FoundPhoto
  readonly faces: readonly FaceState[]
  /** The photo with the choices made. */
  readonly result?: string
}

export type Backend = { readonly name: string; readonly secondsAFace?: number }

export const photos = signal<readonly PhotoState[]>([])
export const task = signal<Task>('anonymize')
export const strength = signal<Strength>('usual')
export const backend = signal<Backend | undefined>(undefined)
export const downloads = signal<Progress>({ loaded: 0, total: 0 })
/** What is being done, for those who hear the page. */
export const announcement = signal('')
export const isBusy = computed(() =>
  photos.value.some(({ status }) => status === 'searching' || status === 'protecting'),
)

/** `?seed=7&set=steps=10` is what `--seed 7 --set steps=10` is on the command line. */
const query = new URLSearchParams(location.search)
const seed = query.has('seed') ? Number(query.get('seed')) : undefined

type Remote = Comlink.Remote<StudioEngine>
let worker: Worker | undefined
let started: Promise<Remote> | undefined

/** The engine in its worker, started when it is first needed. */
function engine(): Promise<Remote> {
  started ??= start().catch(error => {
    started = undefined
    throw error
  })
  return started
}

async function start(): Promise<Remote> {
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  const remote = Comlink.wrap<StudioEngine>(worker)
  const onProgress = Comlink.proxy((progress: Progress) => {
    downloads.value = progress
  })
  backend.value = { name: await remote.start(seed, query.getAll('set'), onProgress) }
  return remote
}

// Work goes one piece after the other: there is one processor to do it.
let last: Promise<unknown> = Promise.resolve()
let generation = 0

function enqueue<T>(work: () => Promise<T>): Promise<T> {
  const own = generation
  const next = last.then(() => {
    if (own !== generation) throw new Cancelled()
    return work()
  })
  last = next.catch(() => undefined)
  return next
}

class Cancelled extends Error {}

const changePhoto = (id: string, change: Partial<PhotoState>): void => {
  photos.value = photos.value.map(photo => (photo.id === id ? { ...photo, ...change } : photo))
}

const changeFace = (id: string, face: number, change: Partial<FaceState>): void => {
  const photo = photoOf(id)
  if (photo) changePhoto(id, { faces: photo.faces.map((state, i) => (i === face ? { ...state, ...change } : state)) })
}

export const photoOf = (id: string): PhotoState | undefined => photos.value.find(photo => photo.id === id)

/** Adds photos, finds their faces, and gives each a new one. */
export function addPhotos(files: readonly File[]): void {
  for (const file of files) {
    const id = crypto.randomUUID()
    const added: PhotoState = {
      id,
      name: file.name,
      file,
      url: URL.createObjectURL(file),
      status: 'waiting',
      faces: [],
    }
    photos.value = [...photos.value, added]
    void attempt(id, () => enqueue(() => process(id)))
  }
}

async function process(id: string): Promise<void> {
  const photo = photoOf(id)
  if (!photo) return
  changePhoto(id, { status: 'searching' })
  announcement.value = `Looking for faces in ${photo.name}`
  const remote = await engine()
  const bytes = new Uint8Array(await photo.file.arrayBuffer())
  const found = await remote.open(id, photo.name, Comlink.transfer(bytes, [bytes.buffer]))
  const faces = found.faces.map(
    ({ problem }): FaceState => ({ choice: problem ? 'cover' : 0, versions: [], progress: undefined }),
  )
  changePhoto(id, { status: faces.length > 0 ? 'protecting' : 'ready', found, faces })
  if (faces.length === 0) announcement.value = `No face found in ${photo.name}`
  for (const [i, { choice }] of faces.entries()) if (choice === 0) await makeVersion(id, i)
  await refresh(id)
  if (faces.length > 0)
    announcement.value = `${photo.name} is done: ${faces.length} ${faces.length === 1 ? 'face' : 'faces'}`
}

async function makeVersion(id: string, face: number): Promise<void> {
  const photo = photoOf(id)
  if (!photo) return
  const remote = await engine()
  const began = performance.now()
  changeFace(id, face, { progress: 0 })
  const onStep = Comlink.proxy((step: number, steps: number) => changeFace(id, face, { progress: step / (steps + 1) }))
  const version = await remote.protect(id, face, task.value, strength.value, onStep)
  const versions = [...photoOf(id)!.faces[face]!.versions, { ...version, url: URL.createObjectURL(version.preview) }]
  changeFace(id, face, { versions, choice: versions.length - 1, progress: undefined })
  if (backend.value) backend.value = { ...backend.value, secondsAFace: (performance.now() - began) / 1000 }
}

/** Composes the photo again, and shows it. */
async function refresh(id: string): Promise<void> {
  const photo = photoOf(id)
  if (!photo?.found) return
  if (photo.faces.length === 0) return changePhoto(id, { status: 'ready' })
  const preview = await (await engine()).preview(
    id,
    photo.faces.map(({ choice }) => choice),
  )
  if (photo.result) URL.revokeObjectURL(photo.result)
  changePhoto(id, { status: 'ready', result: URL.createObjectURL(preview) })
}

/** Makes `count` more versions of a face, to choose from. */
export function addVersions(id: string, face: number, count: number): void {
  void attempt(id, () =>
    enqueue(async () => {
      await reopen(id)
      changePhoto(id, { status: 'protecting' })
      for (let i = 0; i < count; i++) await makeVersion(id, face)
      await refresh(id)
    }),
  )
}

/** Chooses what becomes of a face; the first version is made when it is needed. */
export function choose(id: string, face: number, choice: Choice): void {
  const state = photoOf(id)?.faces[face]
  if (!state || state.choice === choice) return
  if (typeof choice === 'number' && state.versions.length === 0) addVersions(id, face, 1)
  else {
    changeFace(id, face, { choice })
    void attempt(id, () =>
      enqueue(async () => {
        await reopen(id)
        await refresh(id)
      }),
    )
  }
}

/** Makes all faces again: for another task or strength. */
export function makeAgain(): void {
  for (const { id, found } of photos.value) {
    if (!found) continue
    void attempt(id, () =>
      enqueue(async () => {
        await reopen(id)
        const photo = photoOf(id)
        if (!photo) return
        await (await engine()).restart(id)
        for (const { url } of photo.faces.flatMap(({ versions }) => versions)) URL.revokeObjectURL(url)
        const faces = photo.faces.map((face): FaceState => ({ ...face, versions: [] }))
        changePhoto(id, { status: 'protecting', faces })
        for (const [i, { choice }] of faces.entries()) if (typeof choice === 'number') await makeVersion(id, i)
        await refresh(id)
      }),
    )
  }
}

export function removePhoto(id: string): void {
  const photo = photoOf(id)
  if (!photo) return
  for (const url of [photo.url, photo.result, ...photo.faces.flatMap(({ versions }) => versions.map(({ url }) => url))])
    if (url) URL.revokeObjectURL(url)
  photos.value = photos.value.filter(other => other.id !== id)
  void enqueue(async () => (await engine()).close(id)).catch(() => undefined)
}

/** Stops at once: the worker ends, and with it what it knew of photos that were not done. */
export function cancel(): void {
  generation++
  worker?.terminate()
  started = undefined
  last = Promise.resolve()
  announcement.value = 'Cancelled'
  for (const { id, status } of photos.value) {
    if (status === 'ready') lost.add(id)
    else if (status !== 'failed') changePhoto(id, { status: 'failed', problem: 'Cancelled.', faces: [] })
  }
}

/** Photos that the worker knew before it was ended. */
const lost = new Set<string>()

/** Has a new worker make what the one before had made of a photo; covers and faces that are left stay chosen. */
async function reopen(id: string): Promise<void> {
  const before = photoOf(id)
  if (!before || !lost.delete(id)) return
  await process(id)
  for (const [i, { choice }] of before.faces.entries()) if (typeof choice !== 'number') changeFace(id, i, { choice })
  await refresh(id)
}

export function retry(id: string): void {
  changePhoto(id, { status: 'waiting', faces: [] })
  void attempt(id, () => enqueue(() => process(id)))
}

export interface SaveRequest {
  readonly format: 'jpeg' | 'png'
  readonly passphrase: string
  readonly recipients: string
}

export interface SavedFile {
  readonly name: string
  readonly blob: Blob
}

/** The files of a photo: its picture, and its key where there is one. */
export function save(id: string, { format, passphrase, recipients }: SaveRequest): Promise<readonly SavedFile[]> {
  return enqueue(async () => {
    await reopen(id)
    const photo = photoOf(id)!
    const remote = await engine()
    announcement.value = `Writing ${photo.name} and its key`
    const choices = photo.faces.map(({ choice }) => choice)
    const saved = await remote.save(id, choices, task.value, {
      format,
      passphrase: passphrase || undefined,
      recipients: recipients.split(/[\s,]+/).filter(Boolean),
    })
    const stem = `${photo.name.replace(/\.[^.]*$/, '')}.${task.value === 'hide' ? 'hidden' : 'anonymized'}`
    const files = [{ name: `${stem}.${format === 'jpeg' ? 'jpg' : format}`, blob: saved.picture }]
    return saved.key ? [...files, { name: `${stem}.dpkey`, blob: saved.key }] : files
  })
}

/** The original photo, from a protected one and its key. */
export function recover(
  picture: File,
  key: File,
  secret: { passphrase: string; identity: string },
): Promise<SavedFile> {
  return enqueue(async () => {
    const remote = await engine()
    const [file, keyFile] = await Promise.all(
      [picture, key].map(async file => new Uint8Array(await file.arrayBuffer())),
    )
    const blob = await remote.recover(picture.name, file!, keyFile!, {
      passphrase: secret.passphrase || undefined,
      identity: secret.identity.trim() || undefined,
    })
    const stem = picture.name.replace(/(\.(anonymized|hidden))?\.[^.]*$/, '')
    return { name: `${stem}.recovered.png`, blob }
  })
}

async function attempt(id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof Cancelled) return
    changePhoto(id, { status: 'failed', problem: messageOf(error) })
    announcement.value = messageOf(error)
  }
}

export const messageOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error)
  return text.charAt(0).toUpperCase() + text.slice(1)
}
