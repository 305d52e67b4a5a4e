/** Is the face where it was, and does it look where it looked? */

import type { EvalSet } from '../eval-set.ts'
import { centreOf, type FoundFace, foundFaces, nearest, readFaces } from '../features/faces.ts'
import { meanOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { boxDistance, boxDistanceDefinition } from '../metrics/box-distance.ts'
import { headPose, headPoseDefinition, poseDifference } from '../metrics/head-pose.ts'
import { landmarkDistance, landmarkDistanceDefinition } from '../metrics/landmark-distance.ts'
import { landmarkError, landmarkErrorDefinition } from '../metrics/landmark-error.ts'
import { quantileOf } from '../quantile.ts'

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
