import type { ArgumentsCamelCase, Argv } from 'yargs'

export const command = 'export <out>'

export const builder = (yargs: Argv) =>
  yargs
    .positional('out', { type: 'string', demandOption: true, describe: 'the safetensors file to write, in 16 bits' })
    .option('model', { type: 'string', default: 'faces-128', describe: 'a model of configs/models/' })
    .option('autoencoder', { type: 'string', describe: 'the run that trained the autoencoder' })
    .option('decoder', { type: 'string', describe: 'a run that fine-tuned its decoder' })
    .option('diffusion', { type: 'string', describe: 'the run that trained the noise predictor' })
    .option('msi', { type: 'string', describe: 'the run that trained MSI' })
    .option('encoder', { type: 'string', describe: "the run that trained the encoder of a generator's latents" })

interface Arguments {
  out: string
  model: string
  autoencoder?: string
  decoder?: string
  diffusion?: string
  msi?: string
  encoder?: string
}

export async function handler({ out, model: name, ...runs }: ArgumentsCamelCase<Arguments>) {
  const { useBackend } = await import('../backend/index.ts')
  const { loadModelConfig } = await import('../config/model.ts')
  const { exportModel } = await import('../train/export.ts')
  await useBackend('cpu')
  const model = await loadModelConfig(name)
  const sha256 = await exportModel(model, runs, out)
  console.log(`${out}\nsha256: ${sha256}`)
}
