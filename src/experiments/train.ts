/** Forms of MSI that the models of a table need: trained where they are absent, refused where they are of another model. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { BackendName } from '../backend/index.ts'
import { loadModelConfig, type ModelConfig } from '../config/model.ts'
import type { TableConfig } from '../config/table.ts'
import { trainSchema } from '../config/train.ts'
import { exportModel } from '../train/export.ts'
import { runTraining } from '../train/run.ts'
import { inVariant } from '../train/tasks/msi.ts'
import { makeFolder } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { repositoryPath } from '../util/paths.ts'
import { openTensorFile } from '../weights/open.ts'
import { loadConfig } from '../yaml/load.ts'

/**
 * Trains what a table's `trains` names, each in a folder beside its file, or goes on with that; all share their latents.
 * @param faces prepared faces of other people than those of the table; without them nothing is trained
 * @throws UserError when a config is not of MSI, a file is of the model as it was once, or as runTraining does
 */
export async function trainAbsent(
  { trains }: TableConfig,
  faces: readonly string[] | undefined,
  backend: BackendName,
  onReport: (text: string) => void,
): Promise<void> {
  for (const { variant, config: path, writes } of trains) {
    const file = resolve(repositoryPath(), writes)
    const asked = await loadConfig(trainSchema, { path: resolve(repositoryPath(), path) })
    if (asked.task !== 'msi') throw new UserError(`${path}: expected task: msi, found ${asked.task}: name another file`)
    // In full precision, in which faces are recovered too.
    const config = { ...asked, backend, precision: 'float32', variant } as const
    const base = await loadModelConfig(config.model)
    const model = inVariant(base, config)
    const folder = file.replace(/\.safetensors$/, '')
    if (existsSync(file)) await checkModel(file, folder, model)
    else if (faces) {
      await makeFolder(folder)
      const paths = { faces, out: folder, cache: join(dirname(file), 'frozen') }
      await runTraining(config, base, paths, {
        onPrepare: () => {},
        onReport: ({ step, loss }) =>
          onReport(`${variant} MSI: step ${step} of ${config.steps}, loss ${loss.toFixed(3)}`),
      })
      await exportModel(model, { msi: folder }, file)
    }
  }
}

/** Refuses MSI that was trained for other weights or sizes than the model has now: it would be measured wrongly. */
async function checkModel(file: string, folder: string, model: ModelConfig): Promise<void> {
  const { metadata, close } = await openTensorFile(file)
  await close()
  if (metadata.config !== JSON.stringify(model))
    throw new UserError(
      `expected ${file} to be trained for ${model.name} as it is now, found it trained for another state of it: ` +
        `delete it and the folder ${folder}, and train it again with --train`,
    )
}
