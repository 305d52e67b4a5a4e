/** How a face is protected: the settings of a run (configs/anonymize.yaml, configs/hide.yaml). */
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { backendNames } from '../backend/names.ts'
import { perturbedBlocks } from '../models/perturbed-blocks.ts'
import { loadConfig } from '../yaml/load.ts'

const weight = z.number().min(0).default(0)

/** Recognizers as configs call them. */
export const guideNames = ['dlib', 'faceres', 'mobilefacenet', 'ir-se50', 'facenet'] as const

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
  seed: z.int().default(0).describe('of all random numbers'),
  samples: z.int().min(1).max(16).default(1).describe('protected versions of each face'),
  attempts: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe(
      'how often a version that fails is drawn, each time from other noise: one in which a detector finds no face',
    ),
  likeness: z
    .number()
    .gt(-1)
    .max(1)
    .default(1)
    .describe('cosine to the original under the guide above which a version fails too; 1 lets all pass'),
  steps: z.int().min(2).max(500).describe('DDIM steps from noise to picture'),
  strength: z.number().gt(0).max(1).describe('share of these steps that is taken: how much of the face is made anew'),
  eta: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('noise that each step adds: 0 for none, as in the paper, 1 for as much as DDPM'),
  attentionGuidance: z
    .strictObject({
      scale: z.number().min(0).default(0).describe('how far: 0 for not at all, as in the paper'),
      blocks: z.enum(perturbedBlocks).default('all').describe('whose self-attention is put out of work'),
    })
    .prefault({})
    .describe('away from noise predicted without self-attention: faces of one piece, for twice the noise predictions'),
  threshold: z.number().describe("timesteps above it are conditioned on the face's own embeddings, the others on none"),
  guide: z
    .enum(guideNames)
    .default('dlib')
    .describe('the recognizer whose energy guides; it is a white box from then on'),
  guidance: z
    .strictObject({
      above: z.number().min(0).describe('lambda at timesteps above the threshold'),
      below: z.number().min(0).describe('lambda at the others'),
    })
    .describe("how far each step follows the energy's gradient"),
  energies: z
    .strictObject({
      dissimilarity: weight.describe('weight of: no sample is the person'),
      diversity: weight.describe('weight of: no two samples are one person'),
      similarity: weight.describe('weight of: every sample is the person'),
      floor: z.number().min(-1).lt(1).default(0).describe('cosine under the guide that counts as no likeness at all'),
    })
    .describe('what guidance lowers'),
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

/** Whether a recipe keeps a defect of the release. */
export function keepsDefect({ compat }: Pick<Recipe, 'compat'>, defect: ReleaseDefect): boolean {
  return compat === 'release' || compat.includes(defect)
}

/** How many of its steps a recipe takes: `strength` of them, one at least. */
export function stepsTaken({ steps, strength }: Pick<Recipe, 'steps' | 'strength'>): number {
  return Math.max(1, Math.round(steps * strength))
}

/** A recipe of the project, configs/NAME.yaml: that of a task is called like the task. */
export const recipeFile = (name: string) => fileURLToPath(new URL(`../../configs/${name}.yaml`, import.meta.url))

/** A recipe of the project, configs/NAME.yaml, with dotted overrides such as 'steps=10'. */
export function loadRecipe(name: string, overrides: readonly string[] = []): Promise<Recipe> {
  return loadConfig(recipeSchema, { path: recipeFile(name), overrides })
}
