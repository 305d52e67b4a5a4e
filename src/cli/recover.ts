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
    .option('key', { type: 'string', describe: 'the key of the one picture [default: PICTURE.dpkey beside it]' })
    .option('out', { type: 'string', default: 'recovered', describe: 'folder of the recovered photos' })
    .option('recovery', {
      choices: ['exact', 'generative'] as const,
      default: 'exact' as const,
      describe: "the faces as they were, or as the model regenerates them from the key's latent",
    })
    .option('model', { type: 'string', describe: 'that regenerates [default: the one that the key names]' })

interface Arguments extends DecryptionArguments {
  pictures: string[]
  key?: string
  out: string
  recovery: 'exact' | 'generative'
  model?: string
  backend?: string
}

export async function handler({
  pictures,
  key,
  out,
  recovery,
  model,
  passphraseFile,
  identity,
  backend,
}: ArgumentsCamelCase<Arguments>) {
  const { UserError } = await import('../util/errors.ts')
  const { checkOutputs, findPictures } = await import('../pipeline/inputs.ts')
  const { isProtected, keyPath, readProtected, recoveredPath, recoverFile } = await import('../pipeline/files.ts')
  const { KeyError } = await import('../keys/key.ts')
  const { readPassphrase } = await import('./passphrase.ts')
  const { readDecryption } = await import('./key-access.ts')
  const files = await findPictures(pictures, {
    leaveOut: path => (isProtected(path) ? undefined : 'no protected picture'),
    skip: out,
  })
  if (key !== undefined && files.length > 1)
    throw new UserError(`expected one picture with --key, found ${files.length}: keys beside their pictures are found`)
  const outputs = files.map(file => recoveredPath(file, out))
  await checkOutputs(
    files,
    outputs.map(path => [path]),
  )
  let decryption = await readDecryption({ passphraseFile, identity })
  const unlock = (path: string) =>
    readProtected(path, { key, ...decryption }).catch(async error => {
      if (!(error instanceof KeyError && error.problem === 'passphrase needed')) throw error
      const passphrase = await readPassphrase({ ask: true })
      if (passphrase === undefined) throw error
      decryption = { ...decryption, passphrase }
      return readProtected(path, { key, ...decryption })
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
      await recoverFile(name => load(model ?? name), locked, outputs[i]!, recovery)
      bar?.update(i + 1, path)
      return { path, key: key ?? keyPath(path), output: outputs[i]! }
    },
    {
      onEnd: () => bar?.stop(),
      async report(done) {
        const { pathFrom, recordFiles, softwareOf } = await import('../pipeline/run-record.ts')
        await recordFiles(out, {
          command: 'recover',
          settings: {
            ...(model !== undefined && { model }),
            recovery,
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
        })
        for (const { output } of done) console.log(output)
      },
    },
  )
}
