/**
 * How well a face comes back from DDIM inversion under the embeddings of different forms of MSI: none at all, one
 * embedding, the released form, attention over patch tokens; each trained on the one image, on all photos of its person, or
 * over a train set.
 */
import * as tf from '@tensorflow/tfjs'
import type { Recipe } from '../config/recipe.ts'
import type { FaceEntry, FaceStore } from '../data/face-store.ts'
import { compareFaces } from '../faces/recognizers.ts'
import { fromTensor, type Image } from '../images/image.ts'
import { BUCKETS, type MsiVariant } from '../models/msi.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import type { FaceModel } from '../pipeline/model.ts'
import { makeSecret, reconstruct, recoverFace } from '../pipeline/recovery.ts'
import { markdownTable } from '../util/text-table.ts'
import { acceptedShare, meanOf } from './intervals.ts'
import { psnr } from './metrics/pixel-error.ts'

/** What MSI is trained on. */
const trainings = ['image', 'person', 'train set'] as const
export type Training = (typeof trainings)[number]

/** One form of MSI, trained in one way; `autoencoder` is the ceiling, without any diffusion. */
export type Arm = { readonly msi: 'autoencoder' | 'none' } | { readonly msi: MsiVariant; readonly trained: Training }

export const arms: readonly Arm[] = [
  { msi: 'autoencoder' },
  { msi: 'none' },
  ...trainings.flatMap(trained => (['single', 'released', 'patch'] as const).map(msi => ({ msi, trained }))),
]

const names = { autoencoder: 'autoencoder alone', none: 'none: the empty prompt', single: 'one embedding' } as const
const ways = { image: 'per image', person: 'per person', 'train set': 'over the train set' } as const

/** An arm in words. */
export function armName(arm: Arm): string {
  const name = arm.msi === 'released' || arm.msi === 'patch' ? `${arm.msi} MSI` : names[arm.msi]
  return 'trained' in arm ? `${name}, ${ways[arm.trained]}` : name
}

/** What came back of one face in one arm. */
export interface MsiMeasurement {
  readonly arm: Arm
  readonly identity: string
  readonly psnr: number
  /** Cosine similarity to the original by recognizer. */
  readonly cosines: Readonly<Record<string, number>>
}

/** The placeholder vectors of a trained MSI. */
interface Placeholders extends Pick<FaceModel, 'placeholders'> {
  /** Called when no more faces are measured with it. */
  dispose(): void
}

type TrainedArm = Extract<Arm, { trained: string }>
export interface MsiVariantsOptions {
  readonly indices: readonly number[]
  readonly recovery: Recipe['recovery']
  readonly msiOf: (arm: TrainedArm, face: FaceEntry) => Promise<Placeholders>
  readonly onFace: (done: number, pictures: readonly Image[]) => void
}

/**
 * Measures the faces at `indices` in every arm.
 * @param msiOf the MSI of an arm, for that face where it is trained on it or its person; asked for once each
 * @param onFace told how many faces are done, with the pictures of the last: the original and those of the arms in order
 */
export async function measureMsiVariants(
  model: FaceModel,
  recognizers: readonly Recognizer[],
  store: FaceStore,
  { indices, recovery, msiOf, onFace }: MsiVariantsOptions,
): Promise<MsiMeasurement[]> {
  const measurements: MsiMeasurement[] = []
  const kept = new Map<Arm, Placeholders>()
  for (const [done, index] of indices.entries()) {
    const entry = store.entries[index]!
    const face = await store.faces([index])
    const [original] = await fromTensor(face)
    const pictures = [original!]
    for (const arm of arms) {
      if ('trained' in arm && !kept.has(arm)) kept.set(arm, await msiOf(arm, entry))
      const under = 'trained' in arm ? { ...model, placeholders: kept.get(arm)!.placeholders } : withoutMsi(model)
      const back = arm.msi === 'autoencoder' ? reconstruct(model, face) : invertAndRecover(under, face, recovery)
      const [picture] = await fromTensor(back)
      back.dispose()
      if (isForOneFace(arm)) {
        kept.get(arm)!.dispose()
        kept.delete(arm)
      }
      pictures.push(picture!)
    }
    face.dispose()
    const cosines = await compareFaces(pictures, recognizers)
    for (const [i, arm] of arms.entries())
      measurements.push({
        arm,
        identity: entry.identity,
        psnr: psnr(original!, pictures[i + 1]!),
        cosines: cosines[i]!,
      })
    onFace(done + 1, pictures)
  }
  for (const { dispose } of kept.values()) dispose()
  return measurements
}

function isForOneFace(arm: Arm): boolean {
  return 'trained' in arm && arm.trained !== 'train set'
}

/** A model whose every embedding is that of the empty prompt. */
function withoutMsi(model: FaceModel): FaceModel {
  return {
    ...model,
    placeholders: () => tf.zeros([BUCKETS, model.placeholderWidth]),
    conditional: () => Array.from({ length: BUCKETS }, () => model.unconditional.clone()),
  }
}

function invertAndRecover(model: FaceModel, face: tf.Tensor4D, recovery: Recipe['recovery']): tf.Tensor4D {
  return tf.tidy(() => recoverFace(model, makeSecret(model, face, { recovery, compat: [] }), recovery.steps))
}

/** A table as Markdown: PSNR and the share of faces that each recognizer accepts, with 95 % intervals. */
export function msiVariantsTable(
  measurements: readonly MsiMeasurement[],
  thresholds: Readonly<Record<string, { readonly threshold: number }>>,
): string {
  const judges = Object.keys(measurements[0]?.cosines ?? {})
  const header = ['MSI', 'PSNR (dB)', ...judges.map(judge => `accepted by ${judge}`)]
  const rows = arms.map(arm => {
    const of = measurements.filter(measured => armName(measured.arm) === armName(arm))
    const people = of.map(({ identity }) => [identity])
    const ratio = meanOf(
      of.map(measured => measured.psnr),
      people,
    )
    const accepted = judges.map(judge =>
      acceptedShare(
        of.map(({ cosines }) => cosines[judge]!),
        thresholds[judge]!.threshold,
        people,
      ),
    )
    return [
      armName(arm),
      `${ratio.value.toFixed(2)} (${ratio.interval.map(bound => bound.toFixed(2)).join(' to ')})`,
      ...accepted.map(({ value, interval }) => {
        const [low, high] = interval.map(bound => (100 * bound).toFixed(1))
        return `${(100 * value).toFixed(1)} % (${low} to ${high})`
      }),
    ]
  })
  return `${markdownTable(header, rows)}\n`
}
