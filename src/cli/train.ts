import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { RunEvents } from '../train/run.ts'
import { dryRunOption, goesOn } from './options.ts'

export const command = 'train <config>'

export const builder = (yargs: Argv) =>
  dryRunOption(yargs)
    .positional('config', {
      type: 'string',
      demandOption: true,
      describe: 'a training config, such as configs/train-msi-faces.yaml',
    })
    .option('faces', {
      type: 'string',
      array: true,
      describe: "prepared faces (dataset prepare), once for each folder [default: the config's]",
    })
    .option('out', {
      type: 'string',
      describe: 'folder of the run; an interrupted run in it resumes [default: runs/CONFIG]',
    })
    .option('validate', {
      type: 'string',
      array: true,
      describe: 'prepared faces of other people, whose loss selects the best checkpoint',
    })
    .option('autoencoder', {
      type: 'string',
      describe: "the run that trained the autoencoder [default: the model's own weights]",
    })
    .option('diffusion', {
      type: 'string',
      describe:
        "the run that trained the noise predictor, for MSI and for fine-tuning [default: the model's own weights]",
    })
    .option('resume-from', {
      type: 'string',
      describe:
        "checkpoint of the run to resume from, such as runs/x/step-000400.safetensors [default: the folder's last]",
    })
    .option('cache', {
      type: 'string',
      describe:
        "cache for latents and features of the faces, to share among consecutive runs [default: the run's folder]",
    })
    .option('track', {
      type: 'string',
      array: true,
      describe: 'also log the run to tensorboard[=FOLDER] or mlflow[=http://HOST:PORT]',
    })
    .option('allow-changes', { type: 'boolean', describe: 'resume a run that was started with another config' })
    .option('set', { type: 'string', array: true, default: [], describe: 'key=value, overrides the config' })

interface Arguments {
  config: string
  faces?: string[]
  out?: string
  cache?: string
  resumeFrom?: string
  autoencoder?: string
  diffusion?: string
  validate?: string[]
  track?: string[]
  allowChanges?: boolean
  set: string[]
  dryRun: boolean
  backend?: string
}

export async function handler(argv: ArgumentsCamelCase<Arguments>) {
  const { config: path, set, dryRun, backend, validate, cache, autoencoder, diffusion, track } = argv
  const { resumeFrom, allowChanges } = argv
  const { useBackend } = await import('../backend/index.ts')
  const { enableBf16, hasBf16Instructions } = await import('../backend/bf16.ts')
  const { loadConfig } = await import('../yaml/load.ts')
  const { trainSchema } = await import('../config/train.ts')
  const { interruptible } = await import('./options.ts')
  const { progress } = await import('../util/progress.ts')
  const { loadModelConfig } = await import('../config/model.ts')
  const { readNote } = await import('../train/checkpoint.ts')
  const { lastCheckpoint } = await import('../train/keep.ts')
  const { runTraining } = await import('../train/run.ts')
  const { basename } = await import('node:path')
  const { UserError } = await import('../util/errors.ts')
  const asked = await loadConfig(trainSchema, { path, overrides: set })
  const model = await loadModelConfig(asked.model)
  const { planTraining } = await import('../plan/train.ts')
  const bf16 = asked.precision === 'bf16' && hasBf16Instructions()
  const plan = (options: Parameters<typeof planTraining>[2]) => planTraining(asked, model, { ...options, bf16 })
  if (!(await goesOn(dryRun, backend ?? asked.backend, plan))) return
  const { faces = asked.faces, out = `runs/${basename(path, '.yaml')}` } = argv
  if (faces.length === 0)
    throw new UserError("expected prepared faces: name them with --faces or by 'faces' in the config")
  const used = await useBackend(backend ?? asked.backend)
  const precision = asked.precision === 'bf16' && enableBf16() ? 'bf16' : 'float32'
  const config = { ...asked, backend: used, precision, tracking: track ?? asked.tracking } as const
  const facesPerStep = config.batchSize * config.accumulate
  console.log(
    `training ${config.task} of ${model.name}: ${config.steps} steps of ${facesPerStep} on ${used}, ${precision}`,
  )

  const interrupted = new AbortController()
  let stopListening = () => {}
  let bar = progress('frozen networks', 1)
  const events: RunEvents = {
    onPrepare: (done, total) => bar.update(done, undefined, total),
    onStart(step) {
      bar.stop()
      bar = progress(config.task, config.steps, { from: step })
      stopListening = interruptible(() => {
        interrupted.abort()
        bar.note('stopping after this step, with a checkpoint (Ctrl-C again: at once)')
      }).stop
    },
    onReport({ step, loss, gradientNorm, secondsPerStep, waiting }) {
      const rate = `${(facesPerStep / secondsPerStep).toFixed(1)} faces/s`
      bar.update(
        step,
        `loss ${loss.toFixed(4)}, gradient ${gradientNorm.toPrecision(2)}, ${rate}, ${(100 * waiting).toFixed(1)} % waiting`,
      )
    },
    onNote: text => bar.note(text),
  }
  const paths = { faces, out, cache, validate, autoencoder, diffusion }
  await runTraining(config, model, paths, events, { resumeFrom, allowChanges, signal: interrupted.signal }).finally(
    () => {
      bar.stop()
      stopListening()
    },
  )
  const checkpoint = lastCheckpoint(out)
  const { step = 0 } = (await readNote(checkpoint)) ?? {}
  if (step < config.steps) {
    process.stderr.write(`stopped after ${step} of ${config.steps} steps: the same command resumes\n`)
    process.exitCode = 130
    return
  }
  console.log(checkpoint)
}
