import type { ArgumentsCamelCase, Argv } from 'yargs'

export const command = 'train <config>'

export const builder = (yargs: Argv) =>
  yargs
    .positional('config', {
      type: 'string',
      demandOption: true,
      describe: 'a training config, such as configs/train-msi-faces.yaml',
    })
    .option('faces', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'prepared faces (dataset prepare), once for each folder',
    })
    .option('out', {
      type: 'string',
      demandOption: true,
      describe: 'folder of the run; an interrupted run in it goes on',
    })
    .option('autoencoder', { type: 'string', describe: 'the run that trained the autoencoder' })
    .option('diffusion', { type: 'string', describe: 'the run that trained the noise predictor' })
    .option('set', { type: 'string', array: true, default: [], describe: 'key=value over the config' })

interface Arguments {
  config: string
  faces: string[]
  out: string
  autoencoder?: string
  diffusion?: string
  set: string[]
  backend?: string
}

export async function handler({ config: path, set, backend, ...paths }: ArgumentsCamelCase<Arguments>) {
  const { useBackend } = await import('../backend/index.ts')
  const { enableBf16 } = await import('../backend/bf16.ts')
  const { loadConfig } = await import('../config/load.ts')
  const { trainSchema } = await import('../config/train.ts')
  const { progress } = await import('../progress.ts')
  const { loadModelConfig } = await import('../config/model.ts')
  const { runTraining } = await import('../train/run.ts')
  const config = await loadConfig(trainSchema, { path, overrides: set })
  const model = await loadModelConfig(config.model)
  const used = await useBackend(backend ?? config.backend)
  const precision = config.precision === 'bf16' && enableBf16() ? 'bf16' : 'float32'
  console.log(
    `training ${config.task} of ${model.name}: ${config.steps} steps of ${config.batchSize} on ${used}, ${precision}`,
  )
  let bar = progress('frozen networks', 1)
  let training = false
  await runTraining(config, model, paths, {
    onPrepare: (done, total) => bar.update(done, undefined, total),
    onReport: ({ step, loss, gradientNorm, secondsPerStep }) => {
      if (!training) {
        bar.stop()
        bar = progress(config.task, config.steps)
        training = true
      }
      bar.update(
        step,
        `loss ${loss.toFixed(4)}, gradient ${gradientNorm.toFixed(2)}, ${(config.batchSize / secondsPerStep).toFixed(1)} faces/s`,
      )
    },
  })
  bar.stop()
  console.log(`${paths.out}/last.safetensors`)
}
