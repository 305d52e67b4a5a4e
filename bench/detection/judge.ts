/** Whether a face that is in a photo was found, and where. */

import { clip, intersectionOverUnion } from '../../src/faces/box.ts'
import type { JudgedFace } from '../../src/faces/judge-face.ts'
import type { Image } from '../../src/images/image.ts'
import type { Place } from './sources.ts'

/** A face that is 'covered' was found, but its landmarks are not where they should be, and the finder says so: it is covered whole. */
export type Verdict = 'found' | 'covered' | 'misplaced' | 'missed'

/** A found face is meant for one in the photo where their boxes' middles are no further apart, relative to the side of the box. */
const farthest = 0.5

/** And it is misplaced where its five points are further off than this on the mean, relative to the same. */
const mostOffset = 0.2

/** What a cover at least shares with the part of the true box inside of the photo: intersection over union. */
const leastShared = 0.4

/** What became of each face of a photo, and the found ones that are none. */
export function judge(
  picture: Image,
  places: readonly Place[],
  found: readonly JudgedFace[],
): { verdicts: Verdict[]; falseAlarms: JudgedFace[] } {
  const verdicts = places.map((place): Verdict => {
    const near = found.filter(face => isNear(place, face))
    if (near.length === 0) return 'missed'
    if (near.some(face => offsetOf(place, face) <= mostOffset)) return 'found'
    return near.some(face => face.problem && shared(place, face) >= leastShared) ? 'covered' : 'misplaced'
  })
  return { verdicts, falseAlarms: found.filter(face => !places.some(place => isNear(place, face))) }

  function shared(place: Place, { box }: JudgedFace): number {
    const visible = clip(place.box, picture)
    return visible ? intersectionOverUnion(visible, box) : 0
  }
}

const sideOf = ({ box }: Pick<Place, 'box'>) => Math.sqrt(box.width * box.height)

/** The middle of a found box: where the border cut it, that of what is left. */
function isNear(place: Place, { box }: Pick<JudgedFace, 'box'>): boolean {
  const middle = { x: place.box.x + place.box.width / 2, y: place.box.y + place.box.height / 2 }
  const dx = Math.max(0, Math.abs(box.x + box.width / 2 - middle.x))
  const dy = Math.max(0, Math.abs(box.y + box.height / 2 - middle.y))
  return Math.hypot(dx, dy) <= farthest * sideOf(place)
}

/** Mean distance of the five points, relative to the side of the true box. */
export function offsetOf(place: Place, { points }: Pick<JudgedFace, 'points'>): number {
  const distances = points.map(({ x, y }, i) => Math.hypot(x - place.points[i]!.x, y - place.points[i]!.y))
  return distances.reduce((sum, distance) => sum + distance / distances.length, 0) / sideOf(place)
}
