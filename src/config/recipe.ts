/** How a face is protected: the settings of a run (configs/anonymize.yaml, configs/hide.yaml). */

import { z } from 'zod'
import { repositoryPath } from '#paths'
import { backendNames } from '../backend/names.ts'
import { perturbedBlocks } from '../models/unet.ts'
import { loadConfig } from '../yaml/load.ts'

const weight = z.number().min(0).default(0)

/** Recognizers as configs call them. */
export const guideNames = ['dlib', 'faceres', 'mobilefacenet', 'ir-se50', 'facenet'] as const

/** A number, or one for each recognizer that guides. */
const perGuide = (number: z.ZodNumber) => z.union([number, z.partialRecord(z.enum(guideNames), number)])
const guideWeight = perGuide(z.number().min(0)).default(0)

/**
 * What the Diff-Privacy release does otherwise, each a switch for whom wants its numbers (docs/stable-diffusion.md):
 * - `darkFeatures`: the feature network sees the face cast from [-1, 1] to bytes, an almost black picture
 * - `cleanBackground`: the background is kept clean instead of at the noise of the step
 * - `lateStart`: noise is that of the timestep after the first one denoised
 * - `shiftedInversion`: the inversion predicts noise one timestep off sampling's
 */
export const releaseDefects = ['darkFeatures', 'cleanBackground', 'lateStart', 'shiftedInversion'] as const
export type ReleaseDefect = (typeof releaseDefects)[number]

export const recipeSchema = z.strictObject({
  model: z.string().default('faces-128').describe('a model of configs/models/, or the path of such a file'),
  backend: z
    .enum(['auto', ...backendNames])
    .default('auto')
    .describe('tfjs backend; the fastest present unless one is named'),
  task: z
    .enum(['anonymize', 'hide'])
    .describe('machines must no longer recognise the face; or people must not, and machines must'),
  seed: z
    .int()
    .optional()
    .describe(
      'of all random numbers, for research: repeatable, and whoever knows it can confirm the original; else a secret',
    ),
  samples: z.int().min(1).max(16).default(1).describe('protected versions of each face'),
  attempts: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe(
      'how often a version that fails is drawn, each time from other noise: one in which a detector finds no face',
    ),
  likeness: perGuide(z.number().gt(-1).max(1))
    .default(1)
    .describe('cosine to the original under the guide above which a version fails too; 1 lets all pass'),
  candidates: z
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe(
      'generated faces like the original, among which samples start, those of the lowest energy first; 0 for the original itself',
    ),
  steps: z.int().min(2).max(500).describe('DDIM steps from noise to picture'),
  strength: z
    .union([z.number().gt(0).max(1), z.array(z.number().min(0).max(1)).min(1)])
    .describe(
      'share of these steps that is taken: how much of the face is resampled; of a generator a share for each group of rows',
    ),
  eta: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('noise that each step adds: 0 for none, as in the paper, 1 for as much as DDPM'),
  attentionGuidance: z
    .strictObject({
      scale: z.number().min(0).default(0).describe('how far: 0 for not at all, as in the paper'),
      blocks: z.enum(perturbedBlocks).default('all').describe('whose self-attention map is replaced by the identity'),
    })
    .prefault({})
    .describe('away from noise predicted without self-attention: faces of one piece, for twice the noise predictions'),
  threshold: z.number().describe("timesteps above it are conditioned on the face's own embeddings, the others on none"),
  guide: z
    .union([z.enum(guideNames), z.array(z.enum(guideNames)).min(1)])
    .default('dlib')
    .describe('the recognizer or recognizers whose energies guide: white boxes from then on'),
  guidance: z
    .strictObject({
      above: z.number().min(0).describe('lambda at timesteps above the threshold'),
      below: z.number().min(0).describe('lambda at the others'),
      iterations: z.int().min(1).max(16).default(1).describe('gradient steps on the estimate in each step'),
    })
    .describe("how far each step follows the energy's gradient"),
  energies: z
    .strictObject({
      dissimilarity: guideWeight.describe('weight of: no sample is the person'),
      diversity: guideWeight.describe('weight of: no two samples are one person'),
      similarity: guideWeight.describe('weight of: every sample is the person'),
      floor: perGuide(z.number().min(-1).lt(1))
        .default(0)
        .describe('cosine under the guide that counts as no likeness at all'),
      floorMargin: perGuide(z.number().min(0).lt(1))
        .default(0)
        .describe(
          'how far below the least alike of the generated candidates the floor may lie, where that is above `floor`',
        ),
      landmarks: weight.describe('weight of: the 68 landmarks lie where they did'),
      gaze: weight.describe('weight of: eyes look where they did, and are as open'),
      structure: weight.describe('weight of: eyes and mouth are drawn as they were'),
      expression: weight.describe('weight of: the expression stays'),
      attributes: weight.describe('weight of: age and sex stay'),
      facialAttributes: weight.describe('weight of: glasses and beards neither come nor go'),
      rim: weight.describe("weight of: around the face's outline, pixels are the photo's"),
      tone: weight.describe('weight of: skin is as light and of the same colour'),
      shell: weight.describe('weight of: latents stay where the prior has its mass'),
    })
    .describe('what guidance lowers'),
  optimization: z
    .strictObject({
      steps: z.int().min(0).max(1000).describe('steps of Adam after sampling, down the same energies'),
      rate: z.number().positive().describe('how far the first of them moves each number of a latent at most'),
    })
    .prefault({ steps: 0, rate: 0.05 })
    .describe('of the sampled latent'),
  keep: z
    .strictObject({
      below: z.number().describe('keeps the background at timesteps below it; 0 never does'),
      mask: z
        .enum(['template', 'parsing'])
        .default('template')
        .describe('what is background: all around the mean face, or what BiSeNet calls so, as in the release'),
    })
    .describe('the background around the face'),
  recovery: z
    .strictObject({
      steps: z.int().min(2).max(500).describe('DDIM steps of inversion and of recovery'),
      refinements: z.int().min(0).max(10).default(1).describe('fixed-point iterations of each inversion step'),
    })
    .describe('what the key is made with'),
  compat: z
    .union([z.literal('release'), z.array(z.enum(releaseDefects))])
    .default([])
    .describe("defects of the release to keep; 'release' keeps all"),
})

export type Recipe = z.output<typeof recipeSchema>

/** The seed of a recipe in research, where runs are repeatable and nothing is hidden: 0 unless it has one. */
export function seedOf({ seed = 0 }: Pick<Recipe, 'seed'>): number {
  return seed
}

/** Whether a recipe keeps a defect of the release. */
export function keepsDefect({ compat }: Pick<Recipe, 'compat'>, defect: ReleaseDefect): boolean {
  return compat === 'release' || compat.includes(defect)
}

/** How many of its steps a recipe takes: `strength` of them, the greatest where there are several, one at least. */
export function stepsTaken({ steps, strength }: Pick<Recipe, 'steps' | 'strength'>): number {
  return Math.max(1, Math.round(steps * Math.max(...[strength].flat())))
}

export type GuideName = (typeof guideNames)[number]

/** The recognizers that guide, by name. */
export function guidesOf({ guide }: Pick<Recipe, 'guide'>): readonly GuideName[] {
  return [guide].flat()
}

/** What a setting says for one guide; `otherwise` where it names others only. */
export function forGuide(setting: Recipe['energies']['floor'], guide: string, otherwise = 0): number {
  return typeof setting === 'number' ? setting : (setting[guide as GuideName] ?? otherwise)
}

/** A recipe of the project, configs/NAME.yaml: that of a task is called like the task. */
export const recipeFile = (name: string) => repositoryPath(`configs/${name}.yaml`)

/** A recipe of the project, configs/NAME.yaml, with dotted overrides such as 'steps=10'. */
export function loadRecipe(name: string, overrides: readonly string[] = []): Promise<Recipe> {
  return loadConfig(recipeSchema, { path: recipeFile(name), overrides })
}
