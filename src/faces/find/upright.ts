/** Which proposals are faces, and which way each of them is up: decided for every face by itself. */
import { type Box, intersectionOverUnion } from '../box.ts'
import type { Candidate } from './centerface.ts'
import type { Pyramid } from './pyramid.ts'
import { lookAgain, rollOf, type Upright } from './second-look.ts'

/** Proposals that overlap by more than this are of one face. */
const sameFace = 0.35

/** The score from which a face that is seen upright needs no looks at the other turns, and its lead over the one upside down. */
const sure = { score: 0.8, lead: 0.15 }

/** The proposals of one face, surest first. */
type Proposals = readonly [Candidate, ...Candidate[]]

/** Groups proposals by the face that they are of: those that overlap one that is surer. */
export function groupProposals(proposals: readonly Candidate[]): Proposals[] {
  const groups: [Candidate, ...Candidate[]][] = []
  for (const proposal of proposals.toSorted((p, q) => q.score - p.score)) {
    const group = groups.find(([first]) => intersectionOverUnion(first.box, proposal.box) > sameFace)
    if (group) group.push(proposal)
    else groups.push([proposal])
  }
  return groups
}

/**
 * The faces among groups of proposals, as they look upright. Each group is looked at as its surest proposal has it, and upside
 * down; where neither is sure, in the quarter turns too; and the best of these again as it would be upright, and that upside
 * down: an upside-down face at times passes for an upright one, but less surely than the right way up.
 * @param leastScore below which there is no face
 */
export async function uprightFaces(
  photo: Pyramid,
  groups: readonly Proposals[],
  leastScore: number,
): Promise<Upright[]> {
  const first = groups.map(([{ box, points }]) => {
    const roll = rollOf(points)
    return { box, rolls: [roll, roll + 180] }
  })
  const looked = await lookAtAll(photo, first)
  const unsure = groups.flatMap((_, i) => (isSure(looked[i]!) ? [] : [i]))
  const quarters = unsure.map(i => {
    const { box, rolls } = first[i]!
    return { box, rolls: [rolls[0]! + 90, rolls[0]! + 270] }
  })
  ;(await lookAtAll(photo, quarters)).forEach((faces, k) => looked[unsure[k]!]!.push(...faces))

  const again = unsure.flatMap(i => {
    const best = surest(looked[i]!)
    return best ? [{ i, box: best.box, rolls: [best.roll, best.roll + 180] }] : []
  })
  ;(await lookAtAll(photo, again)).forEach((faces, k) => {
    looked[again[k]!.i] = faces
  })
  return looked.flatMap(faces => {
    const best = surest(faces)
    return best && best.score >= leastScore ? [best] : []
  })
}

/** Nothing that a look at least sees is too weak to be told from nothing. */
const leastSeen = 0.05

async function lookAtAll(
  photo: Pyramid,
  places: readonly { readonly box: Box; readonly rolls: readonly number[] }[],
): Promise<(Upright | undefined)[][]> {
  const looks = places.flatMap(({ box, rolls }) => rolls.map(roll => ({ box, roll })))
  const found = await lookAgain(photo, looks, leastSeen)
  let start = 0
  return places.map(({ rolls }) => found.slice(start, (start += rolls.length)))
}

/** Whether the first of two looks shows an upright face, and the second, upside down, none as sure. */
function isSure([face, upsideDown]: readonly (Upright | undefined)[]): boolean {
  return face !== undefined && face.score >= sure.score && face.score - (upsideDown?.score ?? 0) >= sure.lead
}

function surest(faces: readonly (Upright | undefined)[]): Upright | undefined {
  return faces.filter(face => face !== undefined).sort((p, q) => q.score - p.score)[0]
}
