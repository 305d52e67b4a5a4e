/** What makes pictures out of faces, to be evaluated: the model's tasks, and baselines that need no weights. */
import type { FaceStore } from '../../data/face-store.ts'
import type { Image } from '../../images/image.ts'
import type { VariantKind } from '../eval-set.ts'
import type { Manifest } from '../manifest.ts'

/** An aligned face of a store. */
export interface SourceFace {
  readonly image: Image
  /** Its name in every folder. */
  readonly name: string
  readonly id: string
  readonly identity: string
}

/** What was made of one face. */
export interface Made {
  /** By folder. */
  readonly pictures: Readonly<Record<string, Image>>
  readonly seconds: Readonly<Record<string, number>>
  /** Size of its key's file. */
  readonly keyBytes?: number
}

/** Which faces are worked on. */
export interface Faces {
  readonly store: FaceStore
  /** Numbers in the store. */
  readonly indices: readonly number[]
  /** The face at a place of `indices`. */
  read(place: number): Promise<SourceFace>
}

export interface Method extends Pick<Manifest, 'task' | 'samples' | 'recoveryReads'> {
  /** Also its folder. */
  readonly name: string
  /** Its versions: folders of each, one a sample. */
  readonly versions: readonly {
    readonly name: string
    readonly kind: VariantKind
    readonly folders: readonly string[]
  }[]
  /** Recognizers that took part in making its pictures, whose verdict is therefore no evidence. */
  guides(): Promise<readonly string[]>
  /** All that its pictures depend on besides the faces, as plain JSON. */
  settings(): Promise<unknown>
  /** A face's pictures depend on all faces that are worked on, not on it alone. */
  readonly ofAllFaces?: boolean
  /**
   * Loads what it needs.
   * @param folder of the method's results, for what it keeps there
   * @returns what makes the pictures of the face at a place of `faces.indices`
   */
  start(faces: Faces, folder: string): Promise<(place: number) => Promise<Made>>
}

/** The folders of a version's samples: NAME, NAME-2, NAME-3 and so on. */
export function sampleFolders(name: string, samples: number): string[] {
  return Array.from({ length: samples }, (_, i) => (i === 0 ? name : `${name}-${i + 1}`))
}

/** A method that makes one protected version of each face by itself. */
export function baseline(
  name: string,
  settings: unknown,
  start: (faces: Faces) => Promise<(face: SourceFace) => Image | Promise<Image>>,
): Method {
  return {
    name,
    task: 'anonymize',
    guides: async () => [],
    samples: 1,
    settings: async () => settings,
    versions: [{ name: 'protected', kind: 'protected', folders: ['protected'] }],
    start: async faces => {
      const protect = await start(faces)
      return async place => {
        const face = await faces.read(place)
        const started = performance.now()
        const image = await protect(face)
        return { pictures: { protected: image }, seconds: { protect: secondsSince(started) } }
      }
    },
  }
}

export function secondsSince(started: number): number {
  return (performance.now() - started) / 1000
}
