import type { Point } from '../../faces/template.ts'
import type { EvalSet } from '../eval-set.ts'
import { centreOf, type FoundFace, foundFaces, nearest, readFaces } from '../features/faces.ts'
import { meanOf, quantileOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import type { Definition } from './definition.ts'
import { boxDistance, boxDistanceDefinition, referenceSide } from './detection.ts'
import { eyeDistance } from './face-regions.ts'
import { headPose, headPoseDefinition, poseDifference } from './head-pose.ts'

export const landmarkDistanceDefinition: Definition = {
  id: 'landmark-distance',
  name: 'Landmark distance',
  unit: 'pixels of a 256 x 256 picture',
  text:
    'Mean absolute difference of the x and y of all landmarks found in the original and the other picture, scaled to ' +
    '256 x 256; mean over the pictures in which the face is found both times. The landmark network and the number of ' +
    'points are named beside it.',
  source: 'Li et al. (RiDDLE), CVPR 2023',
}

/** The mean L1 distance of the coordinates of landmarks, in pixels of a picture of 256 x 256. */
export function landmarkDistance(
  a: readonly Point[],
  b: readonly Point[],
  picture: { readonly width: number; readonly height: number },
): number {
  if (a.length !== b.length || a.length === 0)
    throw new Error(`landmarkDistance: expected as many landmarks, found ${a.length} and ${b.length}`)
  const [sx, sy] = [referenceSide / picture.width, referenceSide / picture.height]
  const sum = a.reduce((sum, p, i) => sum + sx * Math.abs(p.x - b[i]!.x) + sy * Math.abs(p.y - b[i]!.y), 0)
  return sum / (2 * a.length)
}

export const landmarkErrorDefinition: Definition = {
  id: 'landmark-error',
  name: 'Landmark error',
  unit: 'distances of the eyes',
  text:
    'Mean Euclidean distance of the 68 landmarks found in the protected face to those found in the original, over the ' +
    'distance of the centres of the original’s eyes; the median over the pictures in which the face is found both times. ' +
    'The landmark network is named beside it.',
  source:
    'normalised mean error of 300-W (Sagonas et al., ICCV workshops 2013), with the distance of the eyes’ centres',
}

/** Mean distance of landmarks to those of the original, in distances of the original's eyes. */
export function landmarkError(original: readonly Point[], version: readonly Point[]): number {
  if (original.length !== 68 || version.length !== 68)
    throw new Error(`landmarkError: expected 68 landmarks of each, found ${original.length} and ${version.length}`)
  const sum = original.reduce((sum, p, i) => sum + Math.hypot(p.x - version[i]!.x, p.y - version[i]!.y), 0)
  return sum / 68 / eyeDistance(original)
}

// Is the face where it was, and does it look where it looked?

const detector = 'SSD MobileNet v1 (face-api)'
const landmarkNetwork = '68 landmarks (face-api)'

/** Boxes, landmarks and head pose, of the pictures in which the face is found both times. */
export const geometry: Metric = {
  name: 'geometry',
  group: 'utility',
  definitions: [boxDistanceDefinition, landmarkDistanceDefinition, landmarkErrorDefinition, headPoseDefinition],
  needs: () => [foundFaces],
  run: async (evalSet, version) => {
    const faces = await facePairs(evalSet, version)
    if (faces.length === 0) return { values: [], notes: [`${version}: the detector finds no face in any picture`] }
    const people = faces.map(({ identity }) => [identity])
    const role = evalSet.role('landmarks')
    const poses = faces.map(({ a, b }) => poseDifference(headPose(a.landmarks), headPose(b.landmarks)))
    const mean = (values: number[], about: Pick<Score, 'definition' | 'of' | 'network' | 'role'>): Score => ({
      version,
      ...meanOf(values, people),
      ...about,
    })
    return {
      values: [
        mean(
          faces.map(({ a, b, picture }) => boxDistance(a.box, b.box, picture)),
          { definition: boxDistanceDefinition.id, network: detector },
        ),
        mean(
          faces.map(({ a, b, picture }) => landmarkDistance(a.landmarks, b.landmarks, picture)),
          { definition: landmarkDistanceDefinition.id, network: landmarkNetwork, role },
        ),
        {
          definition: landmarkErrorDefinition.id,
          version,
          of: 'median',
          ...quantileOf(
            faces.map(({ a, b }) => landmarkError(a.landmarks, b.landmarks)),
            people,
            0.5,
          ),
          network: landmarkNetwork,
          role,
        },
        ...(['angle', 'yaw', 'pitch', 'roll'] as const).map(of =>
          mean(
            poses.map(pose => pose[of]),
            { definition: headPoseDefinition.id, of, network: landmarkNetwork, role },
          ),
        ),
      ],
    }
  },
}

interface FacePair {
  readonly a: FoundFace
  readonly b: FoundFace
  readonly picture: { readonly width: number; readonly height: number }
  readonly identity: string
}

/** The face of each original and the one nearest to it in each version. */
async function facePairs(evalSet: EvalSet, version: string): Promise<FacePair[]> {
  const pairs: FacePair[] = []
  const originals = await evalSet.rows(foundFaces, 'original')
  for (let sample = 0; sample < evalSet.sampleCount(version); sample++) {
    const rows = await evalSet.rows(foundFaces, version, { sample })
    for (const [i, { identity }] of evalSet.cases.entries()) {
      const picture = evalSet.originals[i]!
      const a = nearest(readFaces(originals[i]!), centreOf(picture))
      const b = a && nearest(readFaces(rows[i]!), centreOf(a))
      if (a && b) pairs.push({ a, b, picture, identity })
    }
  }
  return pairs
}
