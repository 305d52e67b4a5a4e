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

/** The mean of the landmarks of fifteen faces and their mirror images in an FFHQ square of side 1000. */
// biome-ignore format: a table
const mean = [
  207, 478, 214, 553, 230, 625, 246, 687, 273, 756, 312, 810,
  357, 846, 413, 884, 500, 908, 587, 884, 643, 846, 688, 810,
  727, 756, 754, 687, 770, 625, 786, 553, 793, 478, 271, 411,
  307, 388, 351, 380, 392, 383, 429, 394, 571, 394, 608, 383,
  649, 380, 693, 388, 729, 411, 500, 481, 500, 532, 500, 577,
  500, 620, 454, 648, 474, 654, 500, 662, 526, 654, 546, 648,
  331, 471, 356, 460, 393, 459, 425, 476, 397, 487, 358, 487,
  575, 476, 607, 459, 644, 460, 669, 471, 642, 487, 603, 487,
  398, 740, 433, 723, 478, 708, 500, 712, 522, 708, 567, 723,
  602, 740, 566, 775, 534, 792, 500, 797, 466, 792, 434, 775,
  405, 741, 469, 733, 500, 733, 531, 733, 595, 741, 530, 759,
  500, 763, 470, 759,
]

/** A face that looks straight ahead. */
export const meanLandmarks = (side: number): Point[] =>
  Array.from({ length: 68 }, (_, i) => ({ x: (mean[2 * i]! * side) / 1000, y: (mean[2 * i + 1]! * side) / 1000 }))
