/** Trains the forms of MSI that the models of a table need and that are not there yet. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { makeFolder } from '../atomic.ts'
import type { BackendName } from '../backend/index.ts'
import { loadConfig } from '../config/load.ts'
import { loadModelConfig } from '../config/model.ts'
import type { TableConfig } from '../config/table.ts'
import { trainSchema } from '../config/train.ts'
import { UserError } from '../errors.ts'
import { repositoryPath } from '../repository.ts'
import { exportModel } from '../train/export.ts'
import { inVariant, runTraining } from '../train/run.ts'

/**
 * Trains what a table's `trains` names, each in a folder beside its file, or goes on with that; all share their latents.
 * @param faces prepared faces of other people than those of the table
 * @throws UserError when a config is not of MSI, or as runTraining does
 */
export async function trainAbsent(
  { trains }: TableConfig,
  faces: readonly string[],
  backend: BackendName,
  onReport: (text: string) => void,
): Promise<void> {
  for (const { variant, config: path, writes } of trains) {
    const file = resolve(repositoryPath(), writes)
    if (existsSync(file)) continue
    const asked = await loadConfig(trainSchema, { path: resolve(repositoryPath(), path) })
    if (asked.task !== 'msi') throw new UserError(`${path}: expected task: msi, found ${asked.task}: name another file`)
    // In full precision, in which faces are recovered too.
    const config = { ...asked, backend, precision: 'float32', variant } as const
    const model = await loadModelConfig(config.model)
    const folder = file.replace(/\.safetensors$/, '')
    const paths = { faces, out: folder, cache: join(dirname(file), 'frozen') }
    await makeFolder(folder)
    await runTraining(config, model, paths, {
      onPrepare: () => {},
      onReport: ({ step, loss }) =>
        onReport(`${variant} MSI: step ${step} of ${config.steps}, loss ${loss.toFixed(3)}`),
    })
    await exportModel(inVariant(model, config), { msi: folder }, file)
  }
}
