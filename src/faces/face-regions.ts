/** Regions of an aligned face by its landmarks, for compositing: maps of side * side values, row-major. */
import { convexHull, faceOutline, fill, outlineMask, smoothStep } from './composite-mask.ts'
import { centre, type Point } from './template.ts'

export interface FaceRegions {
  readonly side: number
  /** 1 on the face, as `outlineMask`. */
  readonly outline: Float32Array
  /** 0 at the outline, 1 from a depth of 10 % of the side. */
  readonly depth: Float32Array
  /** 1 on brows, eyes, nose and mouth and between them, where a composite shows the generated face in any case. */
  readonly core: Float32Array
  /** 1 on brows, eyes, nostrils and mouth, where the face is not skin. */
  readonly features: Uint8Array
  /** 1 on eyes and between the lips, whose whites are not to be taken for skin. */
  readonly whites: Float32Array
  /** 1 on the forehead, above the brows. */
  readonly forehead: Float32Array
  /** 1 on chin and jaw, below the mouth's corners, where a beard grows. */
  readonly chin: Float32Array
}

/** @param landmarks the 68 landmarks in the square's pixels */
export function faceRegions(landmarks: readonly Point[], side: number): FaceRegions {
  const inner = convexHull(landmarks.slice(17))
  const depth = fill(faceOutline(landmarks), side, 0, 0.1 * side)
  return {
    side,
    outline: outlineMask(landmarks, side),
    depth,
    // In a turned head the inner landmarks come near the outline, and the background near them.
    core: fill(inner, side, -0.032 * side, 0.022 * side).map((value, i) => value * smoothStep(2.5 * depth[i]! - 0.5)),
    features: featuresOf(landmarks, side),
    whites: whitesOf(landmarks, side),
    ...bandsOf(landmarks, side),
  }
}

function featuresOf(landmarks: readonly Point[], side: number): Uint8Array {
  const parts: [from: number, to: number, wider: number][] = [
    [17, 22, 0.016],
    [22, 27, 0.016],
    [36, 42, 0.022],
    [42, 48, 0.022],
    [31, 36, 0.016],
    [48, 60, 0.018],
  ]
  const features = new Uint8Array(side * side)
  for (const [from, to, wider] of parts) {
    const part = fill(convexHull(landmarks.slice(from, to)), side, -wider * side, 1e-3)
    part.forEach((value, i) => {
      if (value > 0) features[i] = 1
    })
  }
  return features
}

function whitesOf(landmarks: readonly Point[], side: number): Float32Array {
  const parts = [landmarks.slice(36, 42), landmarks.slice(42, 48), landmarks.slice(60, 68)].map(part =>
    fill(convexHull(part), side, -0.01 * side, 0.012 * side),
  )
  return parts[0]!.map((value, i) => Math.max(value, parts[1]![i]!, parts[2]![i]!))
}

/** Forehead and chin as half-planes across the face's own axis, from the brows to under the mouth. */
function bandsOf(landmarks: readonly Point[], side: number): Pick<FaceRegions, 'forehead' | 'chin'> {
  const brows = centre(landmarks.slice(17, 27))
  const mouth = centre([landmarks[48]!, landmarks[54]!])
  const length = Math.hypot(mouth.x - brows.x, mouth.y - brows.y) || 1
  const [ux, uy] = [(mouth.x - brows.x) / length, (mouth.y - brows.y) / length]
  const [forehead, chin] = [new Float32Array(side * side), new Float32Array(side * side)]
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const down = (x + 0.5 - brows.x) * ux + (y + 0.5 - brows.y) * uy
      forehead[i] = smoothStep(-down / (0.03 * side))
      chin[i] = smoothStep((down - 0.72 * length) / (0.05 * side))
    }
  }
  return { forehead, chin }
}
