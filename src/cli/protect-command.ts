import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { Recipe } from '../config/recipe.ts'
import type { Fallback } from '../pipeline/photo.ts'
import type { ProtectedFile } from '../pipeline/protector.ts'
import type { PictureFile } from '../pipeline/survey.ts'
import type { PhotoEnd } from '../report/protect-summary.ts'
import type { CommandModule } from './command.ts'
import { type EncryptionArguments, encryptionOptions } from './key-access.ts'
import { dryRunOption, goesOn } from './options.ts'

interface Arguments extends EncryptionArguments {
  inputs: string[]
  model?: string
  samples?: number
  steps?: number
  strength?: number
  guidance?: number
  seed?: number
  config?: string
  set: string[]
  out: string
  exact: 'near' | 'lossless'
  rename: boolean
  record: boolean
  format?: 'png' | 'jpg' | 'webp'
  dryRun: boolean
  fallback: Fallback
  check: boolean
  review?: boolean
  jobs?: number
  queue?: string
  backend?: string
}

/** What became of a photo, and what it was made with. */
type OpenEnd = PhotoEnd & { readonly made?: ProtectedFile }

/** Exit code when photos were written in which a face is not as it was meant. */
const checkFailed = 3

/** The command of a task that protects photos: `anonymize` and `hide` differ in their recipe alone. */
export function protectCommand(task: Recipe['task']): CommandModule {
  return {
    command: `${task} <inputs..>`,
    builder: (yargs: Argv) =>
      dryRunOption(encryptionOptions(yargs))
        .positional('inputs', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'photos, or folders of them',
        })
        .option('out', {
          type: 'string',
          default: 'protected',
          describe: 'folder of the protected photos and their keys',
        })
        .option('exact', {
          choices: ['near', 'lossless'] as const,
          default: 'near' as const,
          describe:
            "what recovery restores: the faces to 45 dB and more, or the photo's file, which the key then contains",
        })
        .option('rename', {
          type: 'boolean',
          default: false,
          describe: "give the results random names, without folders: the photos' names may identify people",
        })
        .option('record', {
          type: 'boolean',
          default: false,
          describe: 'write run.json for replay: it names the originals; encrypted as the keys are',
        })
        .option('format', {
          choices: ['png', 'jpg', 'webp'] as const,
          describe: "format of the results [default: the photo's]",
        })
        .option('model', { type: 'string', describe: 'a model of configs/models/, or the path of such a file' })
        .option('samples', { type: 'number', describe: 'protected versions of each photo' })
        .option('steps', { type: 'number', describe: 'DDIM steps from noise to picture' })
        .option('strength', { type: 'number', describe: 'how much of the face is regenerated, 0 to 1' })
        .option('guidance', { type: 'number', describe: "how far each step follows the energy's gradient" })
        .option('seed', {
          type: 'number',
          describe:
            'for research: makes the run repeatable, and lets anyone who guesses it confirm the originals [default: a fresh secret]',
        })
        .option('config', {
          type: 'string',
          describe: `the recipe that these options override [default: configs/MODEL/${task}.yaml if it exists, otherwise configs/${task}.yaml]`,
        })
        .option('jobs', {
          type: 'number',
          conflicts: 'queue',
          describe: 'worker processes, one face each [default: as many as cores and memory allow, if that is faster]',
        })
        .option('queue', { type: 'string', describe: "redis://HOST:PORT: sends the work to that queue's workers" })
        .option('fallback', {
          choices: ['blur', 'refuse'] as const,
          default: 'blur' as const,
          describe: 'for faces that cannot be replaced: cover them by a blur, or refuse their photo',
        })
        .option('check', {
          type: 'boolean',
          default: true,
          describe: 'compare the faces of the result with the originals by a held-out recognizer',
        })
        .option('review', {
          type: 'boolean',
          describe: 'write review.html beside the results [default: for several photos]',
        })
        .option('set', { type: 'string', array: true, default: [], describe: 'any key of the recipe: keep.below=200' }),
    handler: (args: ArgumentsCamelCase<Arguments>) => protect(task, args),
  }
}

async function protect(task: Recipe['task'], args: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { checkOutputs, isProtected, keyPath, noPictures, protectedPaths, randomName } = await import(
    '../pipeline/files.ts'
  )
  const { distinctNames, surveyInputs } = await import('../pipeline/survey.ts')
  const { readEncryption } = await import('./key-access.ts')
  const { isEncrypting } = await import('../keys/age.ts')
  const recipe = await recipeOf(task, args)
  const { out, format, exact, dryRun, fallback, check, review } = args
  const safeguards = { fallback, check }
  const backend = args.backend ?? recipe.backend
  const encryption = await readEncryption(args)
  const isEncrypted = isEncrypting(encryption)
  const keys = { encryption, exact }
  const namesOf = (file: PictureFile) => protectedPaths(file, recipe, { out, format })
  const { pictures, others } = await surveyInputs(args.inputs, {
    leaveOut: path => (isProtected(path) ? 'protected already' : undefined),
    skip: out,
  })
  const files = args.rename
    ? pictures.map(({ path }) => ({ path, folder: '', stem: randomName() }))
    : distinctNames(pictures, namesOf)
  if (files.length === 0) {
    const refused = others.filter(entry => entry.refused)
    for (const { path, reason } of refused) process.stderr.write(`${path}: ${reason}\n`)
    throw noPictures(args.inputs)
  }
  const outputs = files.map(namesOf)
  await checkOutputs(
    files,
    outputs.map(paths => paths.flatMap(path => [path, keyPath(path)])),
  )

  const { loadModelConfig } = await import('../config/model.ts')
  const { planProtection } = await import('../plan/protect.ts')
  const modelConfig = await loadModelConfig(recipe.model)
  // The workers of a queue have their own memory.
  const isHere = args.queue === undefined || dryRun
  const plan = (options: Parameters<typeof planProtection>[2]) => planProtection(modelConfig, recipe, options)
  const going = isHere && (await goesOn(dryRun, backend, plan, args.jobs))
  if (isHere && !going) return

  const { batch } = await import('./batch.ts')
  const { join } = await import('node:path')
  const { NoFaceError } = await import('../pipeline/photo-report.ts')
  const { faceLines, failedChecks, hasRefused, runLines } = await import('../report/protect-summary.ts')
  const { writeReview } = await import('../report/review-page.ts')
  const { makeFolder } = await import('../util/atomic-write.ts')
  const { UserError } = await import('../util/errors.ts')
  const { openProtector } = await import('./open-protector.ts')
  const { photoProgress } = await import('./batch.ts')
  const { refuseLargePhoto } = await import('../plan/photos.ts')
  const { recordPhotos } = await import('../pipeline/photo-record.ts')
  const asked = { ...recipe, backend: backend as Recipe['backend'] }
  const { protector, atOnce, tellsSteps, close } = await openProtector(asked, args, {
    out,
    photos: files.length,
    keys,
    safeguards,
    ...(args.record && { commit: recordPhotos(out, recipe, keys, safeguards) }),
    ...(going && { here: going }),
  })
  const shown = photoProgress(task === 'hide' ? 'hiding' : 'anonymizing', files.length, tellsSteps)
  // A single photo's error ends the command; of several, errors are collected and printed at the end.
  const isAlone = files.length + others.length === 1
  const told = isAlone
    ? undefined
    : (path: string, error: unknown): OpenEnd => {
        if (error instanceof NoFaceError) return { path, paths: [], report: { ...error.search, faces: [] } }
        if (error instanceof UserError) return { path, paths: [], refused: error.message.replace(/\s*\n\s*/g, ' ') }
        throw error
      }
  await batch(
    files,
    async ({ path }, i): Promise<OpenEnd> => {
      const photo = shown.photo(path)
      try {
        if (going) await refuseLargePhoto(path, { networkBytes: atOnce * (going.bytes ?? 0), atOnce })
        const made = await protector(path, outputs[i]!, photo.step)
        return { path, paths: outputs[i]!, report: made.report, made }
      } catch (error) {
        if (told) return told(path, error)
        throw error
      } finally {
        photo.end()
      }
    },
    {
      atOnce,
      onEnd: () => shown.stop(),
      async report(ends) {
        const done = ends.flatMap(({ path, paths, made }) => (made ? [{ path, paths, ...made }] : []))
        for (const path of done.flatMap(({ paths }) => paths)) console.log(path)
        const lines = isAlone ? faceLines(task, done) : runLines(task, ends, others)
        if (!isAlone && hasRefused(ends, others)) process.exitCode = 2
        process.stderr.write(`${lines.join('\n')}\n`)
        if (review ?? !isAlone) {
          await makeFolder(out)
          const path = join(out, 'review.html')
          await writeReview(path, task, ends, others, lines)
          process.stderr.write(`review: ${path}\n`)
        }
        if (done.some(({ report }) => failedChecks(task, report) > 0)) process.exitCode = checkFailed
        if (done.length > 0 && !isEncrypted)
          process.stderr.write(
            'warning: each key (.dpkey) is not encrypted and restores the original photo: encrypt it with --recipient or --passphrase-file\n',
          )
      },
    },
  ).finally(close)
}

/** The recipe of the config file, changed by the options and then by --set. */
async function recipeOf(task: Recipe['task'], args: Arguments): Promise<Recipe> {
  const { loadConfig } = await import('../yaml/load.ts')
  const { recipeSchema } = await import('../config/recipe.ts')
  const { UserError } = await import('../util/errors.ts')
  const { recipeFile } = await import('../config/recipe.ts')
  const { modelNamed, taskRecipe } = await import('../config/task-recipe.ts')
  const { model, samples, steps, strength, guidance, seed, set } = args
  const config = args.config ?? recipeFile(await taskRecipe(task, modelNamed(set) ?? model))
  const named = { model, samples, steps, strength, 'guidance.above': guidance, 'guidance.below': guidance, seed }
  const options = Object.entries(named).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${JSON.stringify(value)}`],
  )
  const recipe = await loadConfig(recipeSchema, { base: { task }, path: config, overrides: [...options, ...set] })
  if (recipe.task !== task)
    throw new UserError(
      `${config}: expected a recipe of task ${task}, found ${recipe.task}: run diff-privacy ${recipe.task}`,
    )
  return recipe
}
