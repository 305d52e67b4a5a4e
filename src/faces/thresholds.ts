/** Each recognizer's decision threshold, measured once on clean faces by `diff-privacy evaluate thresholds --write`. */
import { z } from 'zod'
import { repositoryPath } from '#paths'
import { readRegularText } from '#text-files'
import { UserError } from '../util/errors.ts'
import { type RecognizerName, recognizerNames } from './recognizers.ts'

export const thresholdsPath = repositoryPath('assets/recognizers/thresholds.json')

const share = z.number().min(0).max(1)

const thresholdSchema = z.strictObject({
  threshold: z.number().describe('two faces are taken for one person when their cosine similarity is above it'),
  far: share.describe('false accept rate: the share of impostor pairs that may be above the threshold'),
  tar: share.describe('true accept rate: the share of genuine pairs above it'),
  tarInterval: z.tuple([share, share]).describe("Wilson's 95 % interval of the true accept rate"),
  genuinePairs: z.int().positive(),
  impostorPairs: z.int().positive(),
  made: z.string().describe('of which faces, and when'),
})

/** Where a recognizer draws its line, and how good it is there. */
export type RecognizerThreshold = z.output<typeof thresholdSchema>

export type Thresholds = Record<RecognizerName, RecognizerThreshold>

/**
 * Reads the thresholds of all recognizers.
 * @throws UserError when there are none, or not of every recognizer
 */
export async function loadThresholds(path = thresholdsPath): Promise<Thresholds> {
  const remedy = "make them with 'diff-privacy evaluate thresholds --faces runs/data/lfw/test --write'"
  const text = await readRegularText(path).catch(() => {
    throw new UserError(`expected the recognizers' thresholds at ${path}, found no file: ${remedy}`)
  })
  try {
    return z.record(z.enum(recognizerNames), thresholdSchema).parse(JSON.parse(text))
  } catch {
    throw new UserError(
      `${path}: expected thresholds of ${recognizerNames.join(', ')}, found something else: ${remedy}`,
    )
  }
}
