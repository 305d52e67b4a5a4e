/** The tasks of a model, as methods: protecting faces, and recovering them with right and wrong keys. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { loadModelConfig } from '../../config/model.ts'
import { guidesOf, type Recipe, seedOf } from '../../config/recipe.ts'
import type { MethodConfig } from '../../config/suite.ts'
import { checkFaceSize } from '../../data/face-store.ts'
import { loadRecognizer } from '../../faces/recognizers.ts'
import { fromTensor, type Image, toTensor } from '../../images/image.ts'
import { readKeys, writeKeys } from '../../keys/files.ts'
import { type FaceKey, pictureHash } from '../../keys/key.ts'
import { protectFace } from '../../pipeline/face.ts'
import type { FaceModel } from '../../pipeline/model.ts'
import { loadModelOnce } from '../../pipeline/model.ts'
import { keyOfAlignedFace } from '../../pipeline/photo-face.ts'
import { recoverFromKey } from '../../pipeline/recover-photo.ts'
import { reconstruct } from '../../pipeline/recovery.ts'
import { makeFolder } from '../../util/atomic-write.ts'
import { nearestHint, UserError } from '../../util/errors.ts'
import { joinUntrusted } from '../../util/safe-path.ts'
import { type Faces, type Method, sampleFolders, secondsSince } from './method.ts'
import { controlKey, controls, swappedKey } from './wrong-keys.ts'

/** A method of a model. */
type ModelMethod = Extract<MethodConfig, { recipe: Recipe }>

/** A folder of attempts to undo protection without the key. */
const guessed = 'recovered-guessed-key'

/**
 * Anonymizing or hiding as a recipe says; and what an attacker regenerates who takes the published picture for the
 * original: he inverts it into a key and recovers with that.
 */
export function protecting(config: ModelMethod): Method {
  const { recipe, name = recipe.task } = config
  const folders = sampleFolders('protected', recipe.samples)
  const versions = asked(config, [
    { name: 'protected', kind: 'protected', folders },
    { name: guessed, kind: 'guess', folders: [guessed] },
  ])
  const isGuessed = versions.some(version => version.name === guessed)
  return {
    name,
    task: recipe.task,
    guides: async () => guidesOf(recipe),
    samples: recipe.samples,
    settings: async () => ({ recipe, ...(await modelSettings(recipe.model)) }),
    versions,
    start: async faces => {
      const model = await loadModelOnce(recipe.model)
      checkFaceSize(faces.store, model)
      const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
      return async place => {
        const { image, id } = await faces.read(place)
        const started = performance.now()
        const face = toTensor(image)
        const samples = await protectFace(model, guides, face, recipe, {
          randomness: seedOf(recipe),
          identity: id,
        })
        const images = await fromTensor(samples)
        tf.dispose([face, samples])
        const seconds = { protect: secondsSince(started) }
        const pictures = Object.fromEntries(folders.map((folder, i) => [folder, images[i]!]))
        if (!isGuessed) return { pictures, seconds }
        const [guess] = await recoverFromKey(model, await keyOfAlignedFace(model, images[0]!, recipe))
        return { pictures: { ...pictures, [guessed]: guess! }, seconds }
      }
    },
  }
}

/** Recovering each face from its key, from wrong ones, and what the autoencoder alone leaves of it, recovery's ceiling. */
export function recovering(config: ModelMethod): Method {
  const { recipe, name = 'recover' } = config
  const controlFolder = (control: string) => `recovered-${control}`
  const versions = asked(config, [
    { name: 'recovered', kind: 'recovered', folders: ['recovered'] },
    { name: 'autoencoder', kind: 'recovered', folders: ['autoencoder'] },
    ...controls.map(control => ({
      name: controlFolder(control),
      kind: 'control' as const,
      folders: [controlFolder(control)],
    })),
  ])
  const isAsked = (folder: string) => versions.some(version => version.name === folder)
  const { seed, recovery, compat } = recipe
  const settings = async () => ({
    recipe: { seed, recovery, compat },
    ...(await modelSettings(recipe.model)),
  })
  return {
    name,
    task: 'recover',
    // What comes back is what the autoencoder keeps: more of what recognizers look at that were in its loss.
    guides: async () => [...new Set([...guidesOf(recipe), ...(await loadModelConfig(recipe.model)).perceptual])],
    samples: 1,
    recoveryReads: 'key',
    settings,
    versions,
    start: async (faces, folder) => {
      const model = await loadModelOnce(recipe.model)
      checkFaceSize(faces.store, model)
      // Other settings make other keys.
      const hash = createHash('sha256')
        .update(JSON.stringify(await settings()))
        .digest('hex')
      const keys = keyring(model, recipe, faces, join(folder, 'keys', hash.slice(0, 8)))
      return async place => {
        const { image } = await faces.read(place)
        const seconds: Record<string, number> = {}
        const timed = async <T>(part: string, work: () => Promise<T>): Promise<T> => {
          const started = performance.now()
          const result = await work()
          seconds[part] = secondsSince(started)
          return result
        }
        const { key, bytes, seconds: keySeconds } = await keys(place)
        if (keySeconds !== undefined) seconds.key = keySeconds
        const pictures: Record<string, Image> = {}
        if (isAsked('recovered'))
          pictures.recovered = await timed('recover', async () => (await recoverFromKey(model, key))[0]!)
        if (isAsked('autoencoder')) pictures.autoencoder = await autoencoded(model, image)
        for (const control of controls.filter(control => isAsked(controlFolder(control)))) {
          const changed =
            control === 'swapped-key'
              ? swappedKey(key, (await keys(nextPerson(faces, place))).key)
              : controlKey(control, key, seedOf(recipe))
          pictures[controlFolder(control)] = (await recoverFromKey(model, changed))[0]!
        }
        return { pictures, seconds, keyBytes: bytes }
      }
    },
  }
}

/**
 * The versions that a config asks for, of all that its method makes.
 * @throws UserError when it makes no such version
 */
function asked({ method, versions }: ModelMethod, all: Method['versions']): Method['versions'] {
  const names = all.map(({ name }) => name)
  const unknown = versions?.find(name => !names.includes(name))
  if (unknown !== undefined)
    throw new UserError(
      `expected a version that ${method} makes, found '${unknown}'${nearestHint(unknown, names)}: it makes ${names.join(', ')}`,
    )
  return versions ? all.filter(({ name }) => versions.includes(name)) : all
}

/** What the model makes of a face depends on: its weights and how they are used, wherever they are. */
async function modelSettings(name: string): Promise<{ model: unknown; weights: string }> {
  const { weights: _, sha256: __, ...model } = await loadModelConfig(name)
  return { model, weights: (await loadModelOnce(name)).sha256 }
}

/**
 * The next place that shows somebody else.
 * @throws UserError when there is none
 */
function nextPerson({ store, indices }: Faces, place: number): number {
  const identityAt = (at: number) => store.entries[indices[at]!]!.identity
  for (let step = 1; step < indices.length; step++) {
    const next = (place + step) % indices.length
    if (identityAt(next) !== identityAt(place)) return next
  }
  throw new UserError('expected faces of two people or more, to swap their keys, found one')
}

/** Keys of faces by their place, made once and kept in a folder as the files that a user gets; `seconds` of one made now. */
function keyring(model: FaceModel, recipe: Recipe, faces: Faces, folder: string) {
  return async (place: number): Promise<{ key: FaceKey; bytes: number; seconds?: number }> => {
    const { image, name } = await faces.read(place)
    const path = joinUntrusted(folder, `${name}.dpkey`, 'the index of the faces')
    const [kept] = existsSync(path) ? await readKeys(path) : []
    const fits = kept?.picture === pictureHash(image.data)
    if (fits) return { key: kept, bytes: (await stat(path)).size }
    const started = performance.now()
    const key = await keyOfAlignedFace(model, image, recipe)
    const seconds = secondsSince(started)
    await makeFolder(dirname(path))
    await writeKeys(path, [key])
    return { key, bytes: (await stat(path)).size, seconds }
  }
}

async function autoencoded(model: FaceModel, image: Image): Promise<Image> {
  const decoded = tf.tidy(() => reconstruct(model, toTensor(image)))
  const [picture] = await fromTensor(decoded)
  decoded.dispose()
  return picture!
}
