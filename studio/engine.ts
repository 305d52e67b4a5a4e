/** What the studio does with photos, face by face, on the library: it runs in a worker, so that the page stays responsive. */
import {
  assemblePhoto,
  checkFace,
  composePhoto,
  cutFaces,
  embedViews,
  encodeImage,
  type FaceSample,
  freshSecret,
  type Image,
  type ImageFormat,
  keyBytes,
  loadChecker,
  loadTaskRecipe,
  type OpenRecipe,
  openPhotoFace,
  openRecipe,
  type PhotoFace,
  type PhotoSearch,
  parseKey,
  passes,
  photoKey,
  type Randomness,
  type Recipe,
  readImage,
  resizeImage,
  searchPhoto,
  type UnboundKey,
  viewOf,
} from '../src/browser.ts'

export type Task = Recipe['task']

/** How far a new face goes from what the recipe says. */
export const strengths = { gentle: 0.6, usual: 1, strong: 1.4 } as const
export type Strength = keyof typeof strengths

export interface FoundFace {
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  /** Why the face can only be covered, in words; undefined for others. */
  readonly problem: string | undefined
}

export interface FoundPhoto {
  readonly width: number
  readonly height: number
  readonly faces: readonly FoundFace[]
  /** Detections too weak to count as faces. */
  readonly doubtful: readonly FoundFace['box'][]
  /** Width in pixels of the smallest face that the search finds here. */
  readonly smallest: number
}

/** What a held-out recognizer says of a new face. */
export interface Check {
  readonly recognizer: string
  /** Cosine similarity to the nearest original face; above `threshold` the two pass for one person. */
  readonly similarity: number
  readonly threshold: number
  /** Whether that is what the task wants. */
  readonly passed: boolean
}

export interface Version {
  readonly check: Check | undefined
  /** The face with what is around it, as a PNG. */
  readonly preview: Blob
}

/** What becomes of each face: one of its versions, a cover, or nothing. */
export type Choice = number | 'cover' | 'leave'

export interface Saved {
  readonly picture: Blob
  /** Undefined where no face was changed. */
  readonly key: Blob | undefined
}

export interface SaveOptions {
  readonly format: ImageFormat
  readonly passphrase: string | undefined
  /** Public age keys, age1... */
  readonly recipients: readonly string[]
}

/** Means a side that a cover leaves of a face. */
const coverCells = 3

/** Longest side in pixels of previews. */
const previewSide = 480

interface Opened {
  readonly file: Uint8Array
  readonly name: string
  readonly search: PhotoSearch
  readonly randomness: Randomness
  faces?: Promise<readonly PhotoFace[]>
  readonly versions: Image[][]
  readonly keys: (UnboundKey | undefined)[]
  originals?: Promise<readonly (readonly (readonly number[])[])[]>
}

export class Engine {
  readonly #photos = new Map<string, Opened>()
  readonly #recipes = new Map<Task, Promise<OpenRecipe>>()
  #decoded: { id: string; image: Promise<Image> } | undefined

  /** Of all random numbers; fresh ones for each photo unless given. */
  protected seed: number | undefined

  /** Settings of the recipes that are other than the project's, as `steps=10`. */
  protected overrides: readonly string[] = []

  /** Reads a photo and finds its faces. @throws UserError when it cannot be read */
  async open(id: string, name: string, file: Uint8Array): Promise<FoundPhoto> {
    const image = await readImage(file, name)
    this.#decoded = { id, image: Promise.resolve(image) }
    const search = await searchPhoto(image)
    this.#photos.set(id, {
      ...{ file, name, search },
      randomness: this.seed ?? freshSecret(),
      versions: search.faces.map(() => []),
      keys: search.faces.map(() => undefined),
    })
    return {
      width: image.width,
      height: image.height,
      faces: search.faces.map(({ box, problem }) => ({
        box,
        problem: problem && `${problem.reason}: ${problem.detail}`,
      })),
      doubtful: search.doubtful.map(({ box }) => box),
      smallest: search.smallest,
    }
  }

  /** Makes one more version of a face. @param onStep told of each step and of how many there are */
  async protect(
    id: string,
    face: number,
    task: Task,
    strength: Strength,
    onStep: (step: number, steps: number) => void,
  ): Promise<Version> {
    const photo = this.#photo(id)
    const { model, guides, recipe } = await this.#recipe(task)
    const cut = (await this.#faces(id, task))[face]!
    const open = openPhotoFace(model, guides, cut, stronger(recipe, strengths[strength]))
    try {
      const [version] = await open.protect({ round: photo.versions[face]!.length, onStep })
      photo.versions[face]!.push(version!)
    } finally {
      open.dispose()
    }
    const sample = photo.versions[face]!.at(-1)!
    const after = composePhoto(await this.#image(id), [{ ...cut, sample }])
    const { image } = viewOf(after, cut.found, true)
    return { check: await this.#check(id, face, after, task), preview: await blobOf(await smaller(image), 'png') }
  }

  /** The photo with the choices made, as a picture to look at. */
  async preview(id: string, choices: readonly Choice[]): Promise<Blob> {
    return blobOf(await this.#compose(id, choices), 'jpeg', 90)
  }

  /** The photo with the choices made, and its key. */
  async save(
    id: string,
    choices: readonly Choice[],
    task: Task,
    { format, ...encryption }: SaveOptions,
  ): Promise<Saved> {
    const photo = this.#photo(id)
    const changed = choices.flatMap((choice, i) => (choice === 'leave' ? [] : [i]))
    if (changed.length === 0) return { picture: await blobOf(await this.#image(id), format), key: undefined }
    const faces = await this.#faces(id, task)
    for (const i of changed) photo.keys[i] ??= await this.#key(faces[i]!, task)
    const protectedPhoto = await assemblePhoto(
      await this.#image(id),
      changed.map(i => ({ ...faces[i]!, samples: [this.#sample(photo, i, choices[i]!)], key: photo.keys[i]! })),
    )
    const [version] = protectedPhoto.photos
    const file = await encodeImage(version!, format)
    const key = await keyBytes(await photoKey(protectedPhoto, version!, file), {
      ...(encryption.passphrase && { passphrase: encryption.passphrase }),
      ...(encryption.recipients.length > 0 && { recipients: [...encryption.recipients] }),
    })
    return { picture: new Blob([file], { type: `image/${format}` }), key: new Blob([key as BlobPart]) }
  }

  /** The original photo, from a protected one and its key. @throws UserError, also for a wrong passphrase */
  async recover(
    name: string,
    file: Uint8Array,
    key: Uint8Array,
    { passphrase, identity }: { readonly passphrase: string | undefined; readonly identity: string | undefined },
  ): Promise<Blob> {
    const { faces, original } = await parseKey(key, 'the key', {
      ...(passphrase && { passphrase }),
      ...(identity && { identities: [identity] }),
    })
    if (original) return new Blob([original as BlobPart])
    const { recoverPhoto } = await this.#recipe('anonymize')
    return blobOf(await recoverPhoto(await readImage(file, name), faces), 'png')
  }

  /** Forgets a photo. */
  close(id: string): void {
    this.#photos.delete(id)
    if (this.#decoded?.id === id) this.#decoded = undefined
  }

  /** Forgets the versions of a photo's faces. */
  restart(id: string): void {
    for (const versions of this.#photo(id).versions) versions.length = 0
  }

  #photo(id: string): Opened {
    const photo = this.#photos.get(id)
    if (!photo) throw new Error(`there is no photo ${id}`)
    return photo
  }

  #recipe(task: Task): Promise<OpenRecipe> {
    const known = this.#recipes.get(task)
    if (known) return known
    const opened = loadTaskRecipe(task, this.overrides).then(recipe =>
      openRecipe({ ...recipe, ...(this.seed !== undefined && { seed: this.seed }) }),
    )
    this.#recipes.set(task, opened)
    opened.catch(() => this.#recipes.delete(task))
    return opened
  }

  /** The photo's pixels. Those of one photo at a time are held: a large one takes a hundred megabytes. */
  #image(id: string): Promise<Image> {
    if (this.#decoded?.id !== id) {
      const { file, name } = this.#photo(id)
      this.#decoded = { id, image: readImage(file, name) }
    }
    return this.#decoded.image
  }

  #faces(id: string, task: Task): Promise<readonly PhotoFace[]> {
    const photo = this.#photo(id)
    photo.faces ??= (async () => {
      const { model } = await this.#recipe(task)
      return cutFaces(model, await this.#image(id), photo.search.faces, photo.randomness)
    })()
    return photo.faces
  }

  async #key(face: PhotoFace, task: Task): Promise<UnboundKey> {
    const { model, guides, recipe } = await this.#recipe(task)
    const open = openPhotoFace(model, guides, face, recipe)
    return open.key().finally(() => open.dispose())
  }

  #sample({ versions }: Opened, face: number, choice: Choice): FaceSample {
    return typeof choice === 'number' ? versions[face]![choice]! : { cells: coverCells }
  }

  async #compose(id: string, choices: readonly Choice[]): Promise<Image> {
    const [photo, image, faces] = [this.#photo(id), await this.#image(id), await this.#faces(id, 'anonymize')]
    const changed = faces.flatMap((face, i) =>
      choices[i] === 'leave' ? [] : [{ ...face, sample: this.#sample(photo, i, choices[i]!) }],
    )
    return composePhoto(image, changed)
  }

  async #check(id: string, face: number, after: Image, task: Task): Promise<Check | undefined> {
    const { recipe } = await this.#recipe(task)
    const checker = await loadChecker(recipe)
    if (!checker) return undefined
    const { recognizer, threshold } = checker
    const [photo, image, faces] = [this.#photo(id), await this.#image(id), await this.#faces(id, task)]
    photo.originals ??= embedViews(
      faces.map(({ found }) => viewOf(image, found, false)),
      recognizer,
    )
    const [embedding] = await embedViews([viewOf(after, faces[face]!.found, true)], recognizer)
    const check = checkFace(task, embedding!, await photo.originals, face, threshold)
    return { ...{ recognizer, threshold }, similarity: check.similarity, passed: passes(task, check) }
  }
}

function stronger(recipe: Recipe, factor: number): Recipe {
  if (factor === 1 || !Array.isArray(recipe.strength)) return recipe
  return { ...recipe, strength: recipe.strength.map(share => Math.min(1, share * factor)) }
}

async function smaller(image: Image): Promise<Image> {
  const scale = Math.min(1, previewSide / Math.max(image.width, image.height))
  if (scale === 1) return image
  return resizeImage(image, Math.round(image.width * scale), Math.round(image.height * scale))
}

async function blobOf(image: Image, format: ImageFormat, quality?: number): Promise<Blob> {
  return new Blob([await encodeImage(image, format, quality)], { type: `image/${format}` })
}
