import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { attributeJudge, expressions } from '../../faces/attributes.ts'
import { dlibCrop } from '../../models/recognizers/dlib.ts'
import { cropResize } from '../../models/recognizers/recognizer.ts'
import { oncePer } from '../../util/memoize.ts'
import { packageFolder } from '../../util/paths.ts'
import { pooled } from '../embeddings.ts'
import { checksumOf } from '../features/cache.ts'
import type { FaceFeature } from '../features/feature.ts'
import { attributes, rowsOf } from '../features/networks.ts'
import { meanOf, shareOf } from '../intervals.ts'
import type { GuidingNetwork, Metric, Score } from '../metric.ts'
import type { Definition } from './definition.ts'

/** Years that an age may change by. */
export const ageTolerance = 10

export const ageWithinDefinition: Definition = {
  id: 'age-within',
  name: 'Age kept',
  unit: 'share, 0..1',
  text:
    `Share of the pictures of which a named network estimates the age of the face in the original and in the protected one ` +
    `within ${ageTolerance} years of each other, both cut out where the original’s face is.`,
  source: 'the share of such pictures',
}

// Whether a classifier says of a protected face what it says of the original.

export const agreementDefinition: Definition = {
  id: 'attribute-agreement',
  name: 'Attribute agreement',
  unit: 'share, 0..1',
  text:
    'Share of the pictures of which a named classifier gives the same most probable label (expression, gender) to the face ' +
    "in the original and in the other one, both cut out where the original's face is. It is agreement with the " +
    "classifier's own answer, not with the truth.",
  source: 'the share of equal labels',
}

export const ageDifferenceDefinition: Definition = {
  id: 'age-difference',
  name: 'Age difference',
  unit: 'years',
  text:
    'Mean absolute difference of the ages that a named network estimates of the face in the original and in the other ' +
    "picture, both cut out where the original's face is.",
  source: 'mean absolute error',
}

// Age, sex and expression as networks see them that no energy follows.

/** The expressions of human's network, in its order. */
export const judgedExpressions = ['angry', 'disgusted', 'fearful', 'happy', 'sad', 'surprised', 'neutral'] as const

const emotionPath = (extension: string) => join(packageFolder('@vladmandic/human'), 'models', `emotion.${extension}`)
const emotionSide = 64
/** Shares of red, green and blue in its grey. */
const grey = [0.2989, 0.587, 0.114]

const loadOn = oncePer(async (_backend: string) => {
  const { modelTopology, weightsManifest } = JSON.parse(await readFile(emotionPath('json'), 'utf8'))
  const weightData = Uint8Array.from(await readFile(emotionPath('bin'))).buffer
  const weightSpecs = weightsManifest.flatMap((group: { weights: tf.io.WeightsManifestEntry[] }) => group.weights)
  return tf.loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) })
})

/** A row: age in years, log-odds of a male face, probability of each expression; cut out where the original's face is. */
export const judged: FaceFeature = {
  name: 'judged',
  of: 'face',
  alignments: ['original'],
  load: async () => {
    const [judge, emotion] = [await attributeJudge(), await loadOn(tf.getBackend())]
    const faceres = join(packageFolder('@vladmandic/human'), 'models', 'faceres.bin')
    return {
      checksum: await checksumOf([faceres, emotionPath('bin')]),
      compute: faces =>
        rowsOf(faces, x => {
          const { age, maleLogOdds } = judge(x)
          // Grey in [-1, 1], as human's own code gives it.
          const small = tf.sum(tf.mul(cropResize(x, dlibCrop, emotionSide), grey), 3, true)
          const expressions = emotion.execute(small) as tf.Tensor2D
          return tf.concat2d([tf.stack([age, maleLogOdds], 1) as tf.Tensor2D, expressions], 1)
        }),
    }
  },
}

// Do attribute networks estimate the same expression, age and gender?

/** Cut out where the original's face is, so that all pictures count. */
export const attributeAgreement: Metric = {
  name: 'attributes',
  group: 'utility',
  definitions: [agreementDefinition, ageDifferenceDefinition],
  needs: () => [attributes],
  run: async (evalSet, version) => {
    const originals = await evalSet.rows(attributes, 'original')
    const { rows, cases, people } = await pooled(evalSet, attributes, version)
    if (rows.length === 0) return { values: [] }
    const each = rows.map((row, k) => [readAttributes(originals[cases[k]!]!), readAttributes(row)] as const)
    const agree = (of: 'expression' | 'gender', network: string, guide: GuidingNetwork) => ({
      definition: agreementDefinition.id,
      version,
      of,
      network,
      role: evalSet.role(guide),
      ...shareOf(
        each.map(([a, b]) => a[of] === b[of]),
        people,
      ),
    })
    return {
      values: [
        agree('expression', 'face expression (face-api)', 'expression'),
        agree('gender', 'age and gender (face-api)', 'age-gender'),
        {
          definition: ageDifferenceDefinition.id,
          version,
          network: 'age and gender (face-api)',
          role: evalSet.role('age-gender'),
          ...meanOf(
            each.map(([a, b]) => Math.abs(a.age - b.age)),
            people,
          ),
        },
      ],
    }
  },
}

/** A row of `attributes` as labels. */
function readAttributes(row: Float32Array) {
  const probabilities = row.subarray(0, expressions.length)
  const [age, male] = row.subarray(expressions.length)
  return {
    expression: expressions[probabilities.indexOf(Math.max(...probabilities))]!,
    age: age!,
    gender: male! > 0.5 ? 'male' : 'female',
  }
}

// Age, sex and expression as networks see them that no energy follows; and ages kept by both kinds of networks.

const names = {
  faceres: 'age and sex (human’s faceres)',
  emotion: 'expression (human)',
  ageGender: 'age and gender (face-api)',
} as const

/** The heads of faceres are a white box where its recognizer is followed, since they read the same embedding. */
export const judges: Metric = {
  name: 'judges',
  group: 'utility',
  definitions: [agreementDefinition, ageDifferenceDefinition, ageWithinDefinition],
  needs: () => [judged, attributes],
  run: async (evalSet, version) => {
    const originals = await evalSet.rows(judged, 'original')
    const { rows, cases, people } = await pooled(evalSet, judged, version)
    if (rows.length === 0) return { values: [] }
    const pairs = rows.map((row, k) => [readHeldOut(originals[cases[k]!]!), readHeldOut(row)] as const)
    const faceres = { version, network: names.faceres, role: evalSet.role('faceres') }
    const years = pairs.map(([a, b]) => Math.abs(a.age - b.age))
    const agree = (of: 'gender' | 'expression') =>
      shareOf(
        pairs.map(([a, b]) => a[of] === b[of]),
        people,
      )
    return {
      values: [
        { definition: agreementDefinition.id, of: 'gender', ...faceres, ...agree('gender') },
        { definition: ageDifferenceDefinition.id, ...faceres, ...meanOf(years, people) },
        { definition: ageWithinDefinition.id, ...faceres, ...within(years, people) },
        {
          definition: agreementDefinition.id,
          version,
          of: 'expression',
          network: names.emotion,
          role: 'judge',
          ...agree('expression'),
        },
        ...(await followed(evalSet, version)),
      ],
    }
  },
}

/** Ages kept as the network sees them that the attribute energy follows. */
async function followed(evalSet: Parameters<Metric['run']>[0], version: string): Promise<Score[]> {
  const originals = await evalSet.rows(attributes, 'original')
  const { rows, cases, people } = await pooled(evalSet, attributes, version)
  const age = (row: Float32Array) => row[expressions.length]!
  const years = rows.map((row, k) => Math.abs(age(row) - age(originals[cases[k]!]!)))
  const about = { version, network: names.ageGender, role: evalSet.role('age-gender') }
  return [{ definition: ageWithinDefinition.id, ...about, ...within(years, people) }]
}

const within = (years: readonly number[], people: readonly (readonly string[])[]) =>
  shareOf(
    years.map(difference => difference <= ageTolerance),
    people,
  )

function readHeldOut(row: Float32Array) {
  const probabilities = row.subarray(2)
  return {
    age: row[0]!,
    gender: row[1]! > 0 ? 'male' : 'female',
    expression: judgedExpressions[probabilities.indexOf(Math.max(...probabilities))]!,
  }
}
