/**
 * A point of a picture in pixels, x to the right and y down. Coordinates are continuous: pixel i covers i to i + 1, so
 * that its centre is at i + 0.5, and scaling a picture scales its points.
 */
export interface Point {
  readonly x: number
  readonly y: number
}

/** Side of an aligned face in pixels, unless told otherwise. */
export const faceSize = 128

/** Where ArcFace expects eye centres, nose tip and mouth corners in its 112 x 112 input (arXiv 1801.07698). */
const arcFace: readonly (readonly [number, number])[] = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
]

/**
 * The five points of an aligned face of side `size`: the ArcFace template shrunk to 104 / 112 and moved by (12, 14),
 * which leaves room for forehead, ears and chin. ArcFace's own crop is the square of side 104 there.
 */
export function template(size = faceSize): Point[] {
  const scale = size / 128
  return arcFace.map(([x, y]) => ({ x: ((x * 104) / 112 + 12) * scale, y: ((y * 104) / 112 + 14) * scale }))
}

/**
 * Eye centres, nose tip and mouth corners of the 68 landmarks (iBUG 300-W order), the left ones as seen in the picture
 * first.
 */
export function fivePoints(landmarks: readonly Point[]): Point[] {
  if (landmarks.length !== 68) throw new Error(`fivePoints: expected 68 landmarks, found ${landmarks.length}`)
  const [leftEye, rightEye] = [centre(landmarks.slice(36, 42)), centre(landmarks.slice(42, 48))]
  return [leftEye, rightEye, landmarks[30]!, landmarks[48]!, landmarks[54]!]
}

/** The mean of some points. */
export function centre(points: readonly Point[]): Point {
  const sum = points.reduce((a, p) => ({ x: a.x + p.x, y: a.y + p.y }), { x: 0, y: 0 })
  return { x: sum.x / points.length, y: sum.y / points.length }
}
