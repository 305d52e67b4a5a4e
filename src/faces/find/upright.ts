/** Which proposals are faces, and which way each of them is up: decided for every face by itself. */
import type { Image } from '../../images/image.ts'
import { type Box, clip, intersectionOverUnion } from '../box.ts'
import type { Candidate } from './centerface.ts'
import type { Beyond, Pyramid } from './pyramid.ts'
import { lookAgain, rollOf, type Upright } from './second-look.ts'

/** Proposals that overlap by more than this are of one face. */
const sameFace = 0.35

/** The score from which a face that is seen upright needs no looks at the other turns, and its lead over the one upside down. */
const sure = { score: 0.8, lead: 0.15 }

/** Nothing that a look at least sees is too weak to be told from nothing. */
const leastSeen = 0.05

/** Share of a box beyond the border from which the face counts as cut. */
const mostBeyond = 0.04

/** Takes of proposals that are of one face the surest; surest first. */
export function onePerFace(proposals: readonly Candidate[]): Candidate[] {
  const kept: Candidate[] = []
  for (const proposal of proposals.toSorted((p, q) => q.score - p.score))
    if (kept.every(({ box }) => intersectionOverUnion(box, proposal.box) <= sameFace)) kept.push(proposal)
  return kept
}

/**
 * The faces among proposals, as they look upright.
 * @param leastScore below which there is no face
 */
export async function uprightFaces(
  photo: Pyramid,
  proposals: readonly Candidate[],
  leastScore: number,
): Promise<Upright[]> {
  const isCut = ({ box }: Candidate) => beyondBorder(box, photo.photo) > mostBeyond
  const faces = [
    ...(await wholeFaces(
      photo,
      proposals.filter(proposal => !isCut(proposal)),
    )),
    ...(await cutFaces(photo, proposals.filter(isCut))),
  ]
  return faces.filter(({ score }) => score >= leastScore)
}

/**
 * Each place is looked at as the proposal has the face, and upside down; where neither is sure, in the quarter turns too; and the
 * best of these again as it would be upright, and that upside down. A face that hangs at times passes for one that stands, but
 * less surely than the right way up.
 */
async function wholeFaces(photo: Pyramid, proposals: readonly Candidate[]): Promise<Upright[]> {
  const places = proposals.map(({ box, points }) => ({ box, roll: rollOf(points) }))
  const seen = await lookAt(photo, places, [0, 180])
  const unsure = places.flatMap((_, i) => (isSure(seen[i]!) ? [] : [i]))
  const quarters = await lookAt(
    photo,
    unsure.map(i => places[i]!),
    [90, 270],
  )
  for (const [k, faces] of quarters.entries()) seen[unsure[k]!]!.push(...faces)
  const best = unsure.flatMap(i => {
    const face = surest(seen[i]!)
    return face ? [{ i, face }] : []
  })
  const again = await lookAt(
    photo,
    best.map(({ face }) => face),
    [0, 180],
  )
  for (const [k, faces] of again.entries()) seen[best[k]!.i] = faces
  return seen.flatMap(faces => surest(faces) ?? [])
}

/** Turns of a face that is cut: its mirror image has made the proposal's a guess. */
const allTurns = [0, 45, 90, 135, 180, 225, 270, 315]

/**
 * A face that the border cuts is looked at in all turns, with its mirror image beyond the border, which shows half a face whole,
 * and with black, which tells what hangs from what stands; and as the best turn has it, again. Either can do without the
 * other: the score is that of one or the other being right.
 */
async function cutFaces(photo: Pyramid, proposals: readonly Candidate[]): Promise<Upright[]> {
  const places = proposals.map(({ box }) => ({ box, roll: 0 }))
  const first = await lookBothWays(photo, places, allTurns)
  const best = first.flatMap(faces => surest(faces) ?? [])
  const again = await lookBothWays(photo, best, [0])
  return again.flatMap(faces => surest(faces) ?? [])
}

/** Looks with either thing beyond the border. @returns of each look and turn the surer, with the score of both */
async function lookBothWays(
  photo: Pyramid,
  places: readonly { readonly box: Box; readonly roll: number }[],
  turns: readonly number[],
): Promise<(Upright | undefined)[][]> {
  const [black, mirror] = [await lookAt(photo, places, turns, 'black'), await lookAt(photo, places, turns, 'mirror')]
  return black.map((faces, i) =>
    faces.map((face, k) => {
      const both = [face, mirror[i]![k]]
      const wrong = both.reduce((product, one) => product * (1 - (one?.score ?? 0)), 1)
      const better = surest(both)
      return better && { ...better, score: 1 - wrong }
    }),
  )
}

/** Looks at places, each turned by its roll and by each of `turns` more. @returns for each place what the looks saw */
async function lookAt(
  photo: Pyramid,
  places: readonly { readonly box: Box; readonly roll: number }[],
  turns: readonly number[],
  beyond: Beyond = 'mirror',
): Promise<(Upright | undefined)[][]> {
  const looks = places.flatMap(({ box, roll }) => turns.map(turn => ({ box, roll: roll + turn, beyond })))
  const found = await lookAgain(photo, looks, leastSeen)
  return places.map(() => found.splice(0, turns.length))
}

/** Share of a box beyond the border of a photo. */
function beyondBorder(box: Box, photo: Image): number {
  const inside = clip(box, photo)
  return 1 - (inside ? inside.width * inside.height : 0) / (box.width * box.height)
}

/** Whether the first of two looks shows an upright face, and the second, upside down, none as sure. */
function isSure([face, upsideDown]: readonly (Upright | undefined)[]): boolean {
  return face !== undefined && face.score >= sure.score && face.score - (upsideDown?.score ?? 0) >= sure.lead
}

function surest(faces: readonly (Upright | undefined)[]): Upright | undefined {
  return faces.filter(face => face !== undefined).sort((p, q) => q.score - p.score)[0]
}
