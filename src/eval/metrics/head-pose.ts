/** Where a head looks, from its landmarks and a model of the average head: no network of its own. */
import type { Point } from '../../faces/template.ts'
import type { Definition } from './definition.ts'

export const headPoseDefinition: Definition = {
  id: 'head-pose',
  name: 'Head pose difference',
  unit: 'degrees',
  text:
    'Angle of the rotation between the heads of the original and the other picture, and the differences of yaw, pitch ' +
    "and roll. A head's rotation is that of a rigid model of six points (tip of the nose, chin, outer corners of the " +
    'eyes, corners of the mouth) seen from far away (weak perspective) whose projection is nearest to the landmarks: ' +
    'least squares, then the nearest rotation. Absolute angles are as good as the model fits the face; of two pictures ' +
    'of one face that error is the same in both.',
  source: 'DeMenthon and Davis, IJCV 15, 1995 (the first step of POSIT)',
}

type Vector = readonly [number, number, number]

/** Of the average head, x to the picture's right, y up, z towards the camera, by place in the 68 landmarks. */
export const headModel: readonly { landmark: number; position: Vector }[] = [
  { landmark: 30, position: [0, 0, 0] }, // tip of the nose
  { landmark: 8, position: [0, -330, -65] }, // chin
  { landmark: 36, position: [-225, 170, -135] }, // outer corner of the eye on the left of the picture
  { landmark: 45, position: [225, 170, -135] },
  { landmark: 48, position: [-150, -150, -125] }, // corner of the mouth on the left of the picture
  { landmark: 54, position: [150, -150, -125] },
]

/** Columns of the pseudoinverse of the centred model Q [6, 3]: (Q^T Q)^-1 q of each point. */
const modelInverse: readonly Vector[] = (() => {
  const positions = headModel.map(({ position }) => position)
  const centre = scale(positions.reduce(add), 1 / positions.length)
  const centred = positions.map(position => add(position, scale(centre, -1)))
  const moments = ([0, 1, 2] as const).map(i =>
    centred.reduce<Vector>((sum, q) => add(sum, scale(q, q[i])), [0, 0, 0]),
  ) as [Vector, Vector, Vector]
  const [x, y, z] = moments
  const determinant = dot(x, cross(y, z))
  const inverse = [cross(y, z), cross(z, x), cross(x, y)].map(row => scale(row, 1 / determinant))
  return centred.map((q): Vector => [dot(inverse[0]!, q), dot(inverse[1]!, q), dot(inverse[2]!, q)])
})()

export interface HeadPose {
  /** Degrees; positive where the face turns to the right of the picture. */
  readonly yaw: number
  /** Degrees; positive where it looks up. */
  readonly pitch: number
  /** Degrees; positive where the head leans clockwise in the picture. */
  readonly roll: number
  /** Rows of the rotation from the model's axes to the picture's (x right, y up, z towards the camera). */
  readonly rotation: readonly [Vector, Vector, Vector]
}

/** The pose of a head by its 68 landmarks (in pixels, y down). */
export function headPose(landmarks: readonly Point[]): HeadPose {
  if (landmarks.length !== 68) throw new Error(`headPose: expected 68 landmarks, found ${landmarks.length}`)
  const points = headModel.map(({ landmark }) => landmarks[landmark]!)
  // Rows of the 2 x 3 matrix that takes the centred model nearest to the landmarks; their mean drops out of the sum.
  const row = (of: (point: Point) => number): Vector =>
    modelInverse.reduce<Vector>((sum, column, i) => add(sum, scale(column, of(points[i]!))), [0, 0, 0])
  const [a, b] = nearestOrthonormal(
    row(({ x }) => x),
    row(({ y }) => -y),
  )
  const c = cross(a, b)
  // The rotation is Rz(-roll) Ry(yaw) Rx(-pitch), whose last row is (-sin yaw, -cos yaw sin pitch, cos yaw cos pitch).
  return {
    yaw: degrees(Math.asin(Math.max(-1, Math.min(1, -c[0])))),
    pitch: degrees(Math.atan2(-c[1], c[2])),
    roll: degrees(Math.atan2(-b[0], a[0])),
    rotation: [a, b, c],
  }
}

export interface PoseDifference {
  /** Degrees, all of them 0 or more. */
  readonly yaw: number
  readonly pitch: number
  readonly roll: number
  /** Of the one rotation that takes one head to the other. */
  readonly angle: number
}

/** How far two heads look in different directions. */
export function poseDifference(p: HeadPose, q: HeadPose): PoseDifference {
  const turn = (a: number, b: number) => Math.abs(((((a - b + 180) % 360) + 360) % 360) - 180)
  const trace = p.rotation.reduce((sum, row, i) => sum + dot(row, q.rotation[i]!), 0)
  return {
    yaw: turn(p.yaw, q.yaw),
    pitch: turn(p.pitch, q.pitch),
    roll: turn(p.roll, q.roll),
    angle: degrees(Math.acos(Math.max(-1, Math.min(1, (trace - 1) / 2)))),
  }
}

/** The orthonormal rows nearest to (a, b) up to scale: (A A^T)^(-1/2) A. */
function nearestOrthonormal(a: Vector, b: Vector): [Vector, Vector] {
  const [aa, ab, bb] = [dot(a, a), dot(a, b), dot(b, b)]
  // Of a symmetric 2 x 2 matrix G, G^(1/2) = (G + s I) / t with s^2 = det G and t^2 = tr G + 2 s; its determinant is s.
  const s = Math.sqrt(aa * bb - ab * ab)
  if (!(s > 0)) throw new Error('headPose: expected landmarks of a face, found all on a line')
  const scaleBy = 1 / (s * Math.sqrt(aa + bb + 2 * s))
  return [scale(add(scale(a, bb + s), scale(b, -ab)), scaleBy), scale(add(scale(b, aa + s), scale(a, -ab)), scaleBy)]
}

function add(p: Vector, q: Vector): Vector {
  return [p[0] + q[0], p[1] + q[1], p[2] + q[2]]
}

function scale(p: Vector, factor: number): Vector {
  return [p[0] * factor, p[1] * factor, p[2] * factor]
}

function dot(p: Vector, q: Vector): number {
  return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]
}

function cross(p: Vector, q: Vector): Vector {
  return [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]]
}

const degrees = (radians: number) => (radians * 180) / Math.PI
