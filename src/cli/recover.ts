import type { ArgumentsCamelCase, Argv } from 'yargs'
import { type DecryptionArguments, decryptionOptions } from './key-access.ts'

export const command = 'recover <pictures..>'

export const builder = (yargs: Argv) =>
  decryptionOptions(yargs)
    .positional('pictures', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'protected pictures as they were written, or folders of them',
    })
    .option('key', {
      type: 'string',
      describe: 'a key, or a folder of keys, if they are not beside the pictures as PICTURE.dpkey',
    })
    .option('out', { type: 'string', default: 'recovered', describe: 'folder of the recovered photos' })
    .option('recovery', {
      choices: ['exact', 'generative'] as const,
      default: 'exact' as const,
      describe: "the original faces, or faces that the model regenerates from the key's latent",
    })
    .option('allow-edited', {
      type: 'boolean',
      default: false,
      describe: 'also accept copies that were scaled, cropped or re-encoded, as messengers do',
    })
    .option('record', {
      type: 'boolean',
      default: false,
      describe: 'write run.json for replay; encrypted if an identity or a passphrase is given',
    })
    .option('model', {
      type: 'string',
      describe: 'model that regenerates the faces [default: the one that the key names]',
    })

interface Arguments extends DecryptionArguments {
  pictures: string[]
  key?: string
  out: string
  recovery: 'exact' | 'generative'
  model?: string
  allowEdited: boolean
  record: boolean
  backend?: string
}

export async function handler({
  pictures,
  key,
  out,
  recovery,
  model,
  allowEdited,
  record,
  passphraseFile,
  identity,
  backend,
}: ArgumentsCamelCase<Arguments>) {
  const { stat } = await import('node:fs/promises')
  const { UserError } = await import('../util/errors.ts')
  const { checkOutputs, findPictures, isProtected, recoveredPath } = await import('../pipeline/files.ts')
  const { facesShown, readProtected, recoverFile } = await import('../pipeline/recover-file.ts')
  const { KeyError } = await import('../keys/key.ts')
  const { readPassphrase } = await import('./key-access.ts')
  const { readDecryption } = await import('./key-access.ts')
  const files = await findPictures(pictures, {
    leaveOut: path => (isProtected(path) || (allowEdited && key !== undefined) ? undefined : 'no protected picture'),
    skip: out,
  })
  const isFolder =
    key !== undefined &&
    (await stat(key)
      .then(status => status.isDirectory())
      .catch(() => false))
  if (key !== undefined && !isFolder && files.length > 1)
    throw new UserError(
      `expected one picture with a --key, found ${files.length}: keys beside their pictures are found, and --key may name a folder`,
    )
  const outputs = files.map(file => recoveredPath(file, out))
  await checkOutputs(
    files,
    outputs.map(path => [path]),
  )
  let decryption = await readDecryption({ passphraseFile, identity })
  const unlock = (path: string) =>
    readProtected(path, { key, allowEdited, ...decryption }).catch(async error => {
      if (!(error instanceof KeyError && error.problem === 'passphrase needed')) throw error
      const passphrase = await readPassphrase({ ask: true })
      if (passphrase === undefined) throw error
      decryption = { ...decryption, passphrase }
      return readProtected(path, { key, allowEdited, ...decryption })
    })

  const { batch } = await import('./batch.ts')
  const { oncePer } = await import('../util/memoize.ts')
  const { progress } = await import('../util/progress.ts')
  const { useBackend } = await import('../backend/index.ts')
  const used = await useBackend(backend)
  const weights: Record<string, string> = {}
  const load = oncePer(async (name: string) => {
    const { fusedBackend } = await import('../backend/index.ts')
    const { loadModelConfig } = await import('../config/model.ts')
    const { refuseTooLarge } = await import('../plan/plan.ts')
    const { planRecovery } = await import('../plan/protect.ts')
    const { loadModel } = await import('../pipeline/model.ts')
    refuseTooLarge(await planRecovery(await loadModelConfig(name), { fused: fusedBackend(used) }), used)
    return loadModel(name)
  })
  const bar = files.length > 1 ? progress('recovering, picture', files.length) : undefined
  await batch(
    files,
    async ({ path }, i) => {
      // Before a model is loaded, so that a wrong key is told at once.
      const locked = await unlock(path)
      for (const { model } of locked.keys) weights[model.name] = model.sha256
      const output = await recoverFile(name => load(model ?? name), locked, outputs[i]!, recovery)
      const { edited, keys, key } = locked
      bar?.update(i + 1, path)
      if (edited)
        process.stderr.write(
          `${path}: a copy, ${edited.description} (match ${edited.match.toFixed(2)}): ${await facesShown(locked)} of ${keys.length} faces recovered in it\n`,
        )
      return { path, key, output }
    },
    {
      onEnd: () => bar?.stop(),
      async report(done) {
        for (const { output } of done) console.log(output)
        if (!record) return
        const { pathFrom, recordFiles, softwareOf } = await import('../pipeline/run-record.ts')
        const run = {
          command: 'recover' as const,
          settings: {
            ...(model !== undefined && { model }),
            recovery,
            ...(allowEdited && { allowEdited }),
            pictures: done.map(({ path, key, output }) => ({
              picture: pathFrom(out, path),
              key: pathFrom(out, key),
              output: pathFrom(out, output),
            })),
          },
          software: await softwareOf(used),
          weights,
          inputs: done.flatMap(({ path, key }) => [path, key]),
          outputs: done.map(({ output }) => output),
        }
        const { encryptionFor } = await import('../keys/age.ts')
        await recordFiles(out, run, await encryptionFor(decryption))
      },
    },
  )
}
