/** The numbers of each picture, to find the pictures behind an aggregate. */
import { stack } from './embeddings.ts'
import type { EvalSet } from './eval-set.ts'
import { centreOf, foundFaces, nearest, readFaces } from './features/faces.ts'
import type { Feature } from './features/feature.ts'
import { embeddingOf } from './features/networks.ts'
import { regionMeasures, regions } from './metrics/appearance.ts'
import { judged } from './metrics/attributes.ts'
import { eyes, gazeAngle, leastOpening } from './metrics/gaze.ts'
import { headPose, poseDifference } from './metrics/head-pose.ts'
import { landmarkError } from './metrics/landmarks.ts'
import { skinGroup } from './metrics/skin-tone.ts'
import { dot } from './metrics/vectors.ts'

/** What is known of one picture; nothing where it could not be measured or was not asked for. */
export type PictureNumbers = Readonly<Record<string, string | number | undefined>> & {
  readonly name: string
  readonly sample: number
}

/** A row for each sample of each picture of a version, of the features that were computed. */
export async function perPicture(evalSet: EvalSet, version: string): Promise<PictureNumbers[]> {
  const result: PictureNumbers[] = []
  const rowsOf = async (feature: Feature, which: string, sample = 0) =>
    evalSet.hasRows(feature, which) ? evalSet.rows(feature, which, { sample }) : []
  for (let sample = 0; sample < evalSet.sampleCount(version); sample++) {
    const cosines = await Promise.all(
      evalSet.recognizers.map(async name => {
        const [a, b] = [
          await rowsOf(embeddingOf(name), 'original'),
          await rowsOf(embeddingOf(name), version, sample),
        ] as const
        const cosine = (i: number) => (a[i] && b[i] ? dot(stack([a[i]]), 0, stack([b[i]]), 0) : undefined)
        return [`cosine, ${name}`, cosine] as const
      }),
    )
    const pixels = await rowsOf(regions, version, sample)
    const gazes = await rowsOf(eyes, version, sample)
    const faces = await rowsOf(foundFaces, version, sample)
    const [before, after] = [await rowsOf(judged, 'original'), await rowsOf(judged, version, sample)]
    for (const [i, { name }] of evalSet.cases.entries())
      result.push({
        name,
        sample: sample + 1,
        ...Object.fromEntries(cosines.map(([head, cosine]) => [head, cosine(i)])),
        ...inRegions(pixels[i]),
        'gaze, degrees': gazeError(gazes[i]),
        ...movement(evalSet, i, faces[i]),
        ...judgement(before[i], after[i]),
      })
  }
  return result
}

/** The same as comma-separated values with a line of heads. */
export function pictureTable(rows: readonly PictureNumbers[]): string {
  const heads = Object.keys(rows[0] ?? {})
  const cell = (value: string | number | undefined) => {
    if (value === undefined || (typeof value === 'number' && Number.isNaN(value))) return ''
    if (typeof value === 'number') return `${Number(value.toFixed(4))}`
    return quoted(value)
  }
  const lines = [heads.map(quoted), ...rows.map(row => heads.map(head => cell(row[head])))]
  return `${lines.map(line => line.join(',')).join('\n')}\n`
}

const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

function inRegions(row: Float32Array | undefined): Record<string, string | number | undefined> {
  const value = (name: (typeof regionMeasures)[number]) => row?.[regionMeasures.indexOf(name)]
  const [l, a, b] = [value('L0'), value('a0'), value('b0')]
  const change = (channel: 'L' | 'a' | 'b') => row && value(channel)! - value(`${channel}0`)!
  return {
    'skin group': l === undefined || Number.isNaN(l) ? undefined : skinGroup([l, a!, b!]),
    'skin L* change': change('L'),
    'skin a* change': change('a'),
    'skin b* change': change('b'),
    'high frequencies, face': value('sharp-face'),
    'high frequencies, skin': value('sharp-skin'),
    'border gradient': value('border'),
  }
}

function gazeError(row: Float32Array | undefined): number | undefined {
  if (!row || !(row[4]! >= leastOpening)) return undefined
  return gazeAngle([row[0]!, row[1]!], [row[2]!, row[3]!])
}

function movement(evalSet: EvalSet, i: number, row: Float32Array | undefined): Record<string, number | undefined> {
  const original = evalSet.faces[i]
  const version = original && row && nearest(readFaces(row), centreOf(original))
  return {
    'landmark error': version && landmarkError(original!.landmarks, version.landmarks),
    'head pose, degrees': version && poseDifference(headPose(original!.landmarks), headPose(version.landmarks)).angle,
  }
}

function judgement(before?: Float32Array, after?: Float32Array): Record<string, string | number | undefined> {
  if (!before || !after) return { 'age change': undefined, 'sex kept': undefined }
  return {
    'age change': after[0]! - before[0]!,
    'sex kept': after[1]! > 0 === before[1]! > 0 ? 'yes' : 'no',
  }
}

// Which pictures went best and worst, for people to look at.

/** A version's pictures ranked by their similarity to the originals under held-out recognizers. */
export interface Ranked {
  readonly version: string
  /** Most similar first. */
  readonly faces: readonly {
    readonly name: string
    readonly original: string
    readonly picture: string
    /** Mean cosine over the held-out recognizers. */
    readonly similarity: number
  }[]
}

/** Ranks the first sample of each version, cropped at the original's face, by the held-out recognizers whose embeddings exist. */
export async function rankFaces(evalSet: EvalSet): Promise<Ranked[]> {
  const ranked: Ranked[] = []
  for (const version of evalSet.versions.keys()) {
    const judges = evalSet.recognizers.filter(
      name => evalSet.role(name) === 'judge' && evalSet.hasRows(embeddingOf(name), version),
    )
    if (judges.length === 0) continue
    const sums = new Float64Array(evalSet.cases.length)
    for (const judge of judges) {
      const originals = await evalSet.rows(embeddingOf(judge), 'original')
      const versions = await evalSet.rows(embeddingOf(judge), version)
      for (const [i, row] of versions.entries())
        sums[i]! += row ? dot(stack([originals[i]!]), 0, stack([row]), 0) / judges.length : Number.NaN
    }
    const faces = evalSet.cases.map(({ name }, i) => ({
      name,
      original: evalSet.originals[i]!.path,
      picture: evalSet.pictures(version)[i]!.path,
      similarity: sums[i]!,
    }))
    ranked.push({
      version,
      faces: faces.filter(({ similarity }) => !Number.isNaN(similarity)).sort((a, b) => b.similarity - a.similarity),
    })
  }
  return ranked
}
