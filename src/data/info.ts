/** What is in a prepared data set. */
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { writeImage } from '../images/codec.ts'
import { gridImage } from '../images/image.ts'
import { UserError } from '../util/errors.ts'
import { FaceStore, readIndex } from './face-store.ts'
import type { LfwPair } from './lfw-pairs.ts'

/** Most faces of each split on a contact sheet. */
const [sheetRows, sheetColumns] = [3, 12]

/** Side of a face on a contact sheet. */
const sheetFace = 64

export interface SplitInfo {
  readonly name: string
  readonly folder: string
  readonly faces: number
  readonly people: number
  /** Side of the faces in pixels. */
  readonly size: number
}

/**
 * The stores of a folder that `dataset prepare` made, or the one store that `folder` is.
 * @throws UserError when it is neither
 */
export async function splitsOf(folder: string): Promise<SplitInfo[]> {
  const names = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const folders = names.some(({ name }) => name === 'index.json')
    ? [folder]
    : names.filter(entry => entry.isDirectory() && !entry.name.includes('.')).map(({ name }) => join(folder, name))
  const splits: SplitInfo[] = []
  for (const path of folders) {
    if (!(await readdir(path)).includes('index.json')) continue
    const { entries, size } = await readIndex(path)
    const people = new Set(entries.map(({ identity }) => identity)).size
    splits.push({ name: basename(path), folder: path, faces: entries.length, people, size })
  }
  if (splits.length > 0) return splits
  throw new UserError(`expected prepared faces in ${folder}, found none: run 'diff-privacy dataset prepare' first`)
}

/** How many of LFW's pairs have both photos in a split. */
export async function pairsWithin(
  pairs: readonly LfwPair[],
  { folder }: SplitInfo,
): Promise<{ genuine: number; impostor: number }> {
  const ids = new Set((await readIndex(folder)).entries.map(({ id }) => id))
  const here = pairs.filter(({ photos }) => photos.every(photo => ids.has(photo)))
  const genuine = here.filter(({ same }) => same).length
  return { genuine, impostor: here.length - genuine }
}

/** Writes a picture of faces of every split, spread evenly over each, a split's rows below another's. */
export async function writeContactSheet(path: string, splits: readonly SplitInfo[]): Promise<void> {
  const columns = Math.min(sheetColumns, Math.max(...splits.map(({ faces }) => faces)))
  const parts: tf.Tensor4D[] = []
  for (const { folder, faces } of splits) {
    const store = await FaceStore.open(folder)
    const shown = Math.min(faces, sheetRows * sheetColumns)
    const chosen = await store.faces(Array.from({ length: shown }, (_, i) => Math.floor((i * faces) / shown)))
    parts.push(
      tf.tidy(() => {
        const missing = Math.ceil(shown / columns) * columns - shown
        const small = tf.image.resizeBilinear(chosen, [sheetFace, sheetFace])
        return missing ? tf.concat([small, tf.ones([missing, sheetFace, sheetFace, 3])]) : small
      }) as tf.Tensor4D,
    )
    chosen.dispose()
    await store.close()
  }
  const grid = tf.tidy(() => tf.reshape(tf.concat(parts), [-1, columns, sheetFace, sheetFace, 3]) as tf.Tensor5D)
  const image = await gridImage(grid)
  tf.dispose([grid, ...parts])
  await writeImage(path, image)
}
