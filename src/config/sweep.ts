/** What a sweep tries and measures (configs/sweeps/*.yaml). */
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { loadConfig } from '../yaml/load.ts'
import { recipeFile } from './recipe.ts'
import { taskRecipe } from './task-recipe.ts'

const count = z.int().positive()
const scalar = z.union([z.number(), z.string(), z.boolean()])

/** One axis. A list alone is short for `values`. Exactly one of values, variants, or from and to says where it leads. */
const axisSchema = z.preprocess(
  axis => (Array.isArray(axis) ? { values: axis } : axis),
  z
    .strictObject({
      keys: z
        .array(z.string())
        .min(1)
        .optional()
        .describe("dotted keys that take the value [default: the axis's name]"),
      values: z.array(scalar).min(1).optional().describe('each of these'),
      variants: z
        .record(z.string(), z.record(z.string(), z.unknown()))
        .optional()
        .describe('named sets of dotted keys and their values: a choice that moves several keys'),
      from: z.number().optional(),
      to: z.number().optional(),
      points: count.optional().describe('how many values of from..to a grid takes, both ends among them'),
      scale: z
        .enum(['linear', 'log'])
        .default('linear')
        .describe('scale on which the values from..to are evenly spaced'),
      integer: z.boolean().default(false).describe('rounds them'),
      draw: z
        .enum(['even', 'random'])
        .default('even')
        .describe('values of a grid: evenly spaced, or drawn by the seed'),
    })
    .superRefine((axis, context) => {
      const refuse = (message: string) => context.addIssue({ code: 'custom', message })
      const isRange = axis.from !== undefined && axis.to !== undefined
      const ways = [axis.values, axis.variants, isRange ? true : undefined].filter(way => way !== undefined)
      if (ways.length !== 1) refuse('expected either values, or variants, or from and to')
      if (axis.variants && axis.keys) refuse('expected variants to name their own keys, without keys beside them')
      if (isRange && axis.from! >= axis.to!) refuse(`expected from < to, found ${axis.from} and ${axis.to}`)
      if (isRange && axis.scale === 'log' && axis.from! <= 0) refuse('expected from > 0 on a log scale')
    }),
)

export type AxisConfig = z.output<typeof axisSchema>

const direction = z
  .union([z.strictObject({ lower: z.string() }), z.strictObject({ higher: z.string() })])
  .describe('a measure by name, under lower or higher as it is better')

const seed = z.int().default(0)

const sweepSchema = z
  .strictObject({
    title: z.string().describe('heads the report'),
    task: z.enum(['anonymize', 'hide']),
    recipe: z
      .string()
      .optional()
      .describe('the recipe that all points change, relative to this file [configs/TASK.yaml]'),
    set: z.record(z.string(), z.unknown()).default({}).describe('dotted keys of the recipe that all points share'),
    faces: z
      .strictObject({
        from: z.string().describe('a prepared store of faces (dataset prepare)'),
        count: count.describe('faces of as many people that a point is measured on'),
        seed: seed.describe('chooses the people'),
      })
      .describe('what each point protects'),
    axes: z.record(z.string(), axisSchema).describe('what differs between points, by name'),
    search: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('grid'), seed }),
        z.strictObject({ kind: z.literal('random'), points: count, seed }),
        z.strictObject({
          kind: z.literal('halving'),
          points: count.describe('drawn at random for the first round'),
          keep: z
            .number()
            .gt(1)
            .default(3)
            .describe('one in so many goes on to the next round, with as many times the faces'),
          least: count.describe('faces of the first round; the last has faces.count'),
          seed,
        }),
        z.strictObject({
          kind: z.literal('tpe'),
          points: count.describe('in all'),
          startup: count.default(8).describe('drawn at random before the search learns'),
          seed,
        }),
      ])
      .prefault({ kind: 'grid' }),
    objective: z
      .record(z.string(), z.number())
      .optional()
      .describe('weights of measures; halving and TPE lower their weighted sum'),
    recovery: z.boolean().default(false).describe('measures recovery by the right and a wrong key, too'),
    privacy: direction,
    utility: direction,
    measures: z.array(z.string()).default([]).describe('further measures that the report shows'),
  })
  .superRefine(({ axes, search, objective }, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    const learns = search.kind === 'halving' || search.kind === 'tpe'
    if (learns && !objective)
      refuse(['objective'], `expected weights of measures, which a search by ${search.kind} lowers`)
    if (search.kind !== 'grid') return
    for (const [name, { from, points, draw }] of Object.entries(axes)) {
      if (from !== undefined && points === undefined)
        refuse(['axes', name], 'expected points, which a grid needs to know')
      if (draw === 'even' && points === 1) refuse(['axes', name], 'expected 2 points or more, or values')
    }
  })

/** A sweep as it is run: `recipe` is a path from the working folder. */
export type SweepConfig = z.output<typeof sweepSchema> & { recipe: string }

/**
 * Reads a sweep.
 * @throws UserError that names the key, what was expected there and what was found
 */
export async function loadSweep(path: string, overrides: readonly string[] = []): Promise<SweepConfig> {
  const config = await loadConfig(sweepSchema, { path, overrides })
  const { model } = config.set
  const usual = async () => recipeFile(await taskRecipe(config.task, model === undefined ? undefined : String(model)))
  const recipe = config.recipe === undefined ? await usual() : resolve(dirname(path), config.recipe)
  return { ...config, recipe }
}
