/** Compares the faces of a protected photo with those of the original, by a recognizer that had no part in protecting them. */
import * as tf from '@tensorflow/tfjs'
import { resizeImage } from '#codec'
import { guidesOf, type Recipe } from '../config/recipe.ts'
import { alignFace } from '../faces/alignment.ts'
import { type Box, intersectionOverUnion } from '../faces/box.ts'
import { detectFaces, type Face } from '../faces/detect.ts'
import { around } from '../faces/judge-face.ts'
import { loadRecognizer, loadThresholds, type RecognizerName } from '../faces/recognizers.ts'
import type { Point } from '../faces/template.ts'
import { type Image, toTensor } from '../images/image.ts'
import type { FaceCheck } from './photo-report.ts'

/** A face with what is around it, in the pixels of the cut-out. */
export interface FaceView {
  readonly image: Image
  readonly box: Box
  readonly landmarks: readonly Point[]
  /** Whether the face is looked for again, as in what was made of it. */
  readonly again: boolean
}

/** Unit embeddings of one face, as it is cut out by one set of landmarks and by another. */
export type Embeddings = readonly (readonly number[])[]

/** Recognizers that may check a result, the best first. */
const checkers: readonly RecognizerName[] = ['mobilefacenet', 'faceres', 'dlib']

/** The recognizer that checks what a recipe makes: the best of those that do not guide it. */
export function checkerOf(recipe: Pick<Recipe, 'guide'>): RecognizerName | undefined {
  const guides: readonly string[] = guidesOf(recipe)
  return checkers.find(name => !guides.includes(name))
}

/** Which recognizer checks the result, and above which cosine similarity it takes two faces for one person. */
export interface Checker {
  readonly recognizer: RecognizerName
  readonly threshold: number
}

/** What checks the results of a recipe; undefined where every recognizer guides it. @throws UserError without thresholds */
export async function loadChecker(recipe: Pick<Recipe, 'guide'>): Promise<Checker | undefined> {
  const recognizer = checkerOf(recipe)
  return recognizer && { recognizer, threshold: (await loadThresholds())[recognizer].threshold }
}

/** Cuts a face out with half its size around it. @param again whether it is to be looked for again */
export function viewOf(photo: Image, { box, landmarks }: Pick<Face, 'box' | 'landmarks'>, again: boolean): FaceView {
  const { image, left, top } = around(photo, box)
  const shift = ({ x, y }: Point) => ({ x: x - left, y: y - top })
  return { image, box: { ...box, ...shift(box) }, landmarks: landmarks.map(shift), again }
}

/** Longest side in pixels in which a face is looked for again, and the least overlap with where it was. */
const [searchedSide, leastOverlap] = [160, 0.3]

/**
 * Embeds faces as an attacker might: cut out by the landmarks that are known, and by those that a new search in the picture
 * finds; on the backend in use.
 * @returns for each view, unit embeddings: one, or two where the face is found again
 */
export async function embedViews(views: readonly FaceView[], name: RecognizerName): Promise<Embeddings[]> {
  const { embed } = await loadRecognizer(name)
  const embeddings: Embeddings[] = []
  for (const view of views) {
    const again = view.again ? await landmarksFoundAgain(view) : undefined
    const faces = await Promise.all(
      [view.landmarks, ...(again ? [again] : [])].map(landmarks => alignFace(view.image, landmarks)),
    )
    const output = tf.tidy(() => embed(tf.concat(faces.map(({ face }) => toTensor(face))) as tf.Tensor4D))
    embeddings.push((await output.array()) as number[][])
    output.dispose()
  }
  return embeddings
}

async function landmarksFoundAgain({ image, box }: FaceView): Promise<readonly Point[] | undefined> {
  const scale = Math.min(1, searchedSide / Math.max(image.width, image.height))
  const [width, height] = [image.width, image.height].map(side => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ]
  const small = await resizeImage(image, width, height)
  const [sx, sy] = [image.width / width, image.height / height]
  const overlaps = (await detectFaces(small)).map(face => {
    const { x, y, width, height } = face.box
    return {
      face,
      overlap: intersectionOverUnion(box, { x: x * sx, y: y * sy, width: width * sx, height: height * sy }),
    }
  })
  const [best] = overlaps.toSorted((p, q) => q.overlap - p.overlap)
  if (!best || best.overlap < leastOverlap) return undefined
  return best.face.landmarks.map(({ x, y }) => ({ x: x * sx, y: y * sy }))
}

/** The greatest cosine similarity of any embedding of the one to any of the other. */
export function similarityOf(p: Embeddings, q: Embeddings): number {
  return Math.max(...p.flatMap(a => q.map(b => a.reduce((sum, value, i) => sum + value * b[i]!, 0))))
}

/**
 * One face of a version against the originals: an anonymized one must be like none of them, a hidden one like its own.
 * @param own number of the face's own original
 */
export function checkFace(
  task: Recipe['task'],
  face: Embeddings,
  originals: readonly Embeddings[],
  own: number,
  threshold: number,
): FaceCheck {
  const compared = task === 'hide' ? [originals[own]!] : originals
  const similarity = Math.max(...compared.map(original => similarityOf(face, original)))
  return { similarity, accepted: similarity > threshold }
}

/** Whether a face is as its task wants it. */
export function passes(task: Recipe['task'], { accepted }: FaceCheck): boolean {
  return task === 'hide' ? accepted : !accepted
}
