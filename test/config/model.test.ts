import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { loadModelConfig } from '../../src/config/model.ts'
import { latentDiffusion } from '../../src/models/latent-diffusion.ts'
import { countParameters } from '../../src/models/module.ts'
import { repositoryPath } from '../../src/util/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'model-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A model file with some of its keys changed, or left out where they are undefined. */
function changed(name: string, changes: object): string {
  const model = parse(readFileSync(repositoryPath(`configs/models/${name}.yaml`), 'utf8'))
  const path = join(folder, 'model.yaml')
  writeFileSync(path, stringify({ ...model, ...changes }))
  return path
}

it('reads a UNet over an autoencoder, faces being on the template', async () => {
  const config = await loadModelConfig('faces-128')
  expect(config.alignment).toBe('template')
  expect(config.features).toEqual({ network: 'dlib' })
  const { autoencoder, unet } = latentDiffusion(config)
  expect(autoencoder.latentShape(config.imageSize)).toEqual([16, 16, 8])
  expect(unet.parameters).toHaveProperty(['input_blocks.0.0.weight'])
})

it('reads a transformer over a generator, and tells features how faces are aligned', async () => {
  const config = await loadModelConfig('faces-1024')
  expect(config.features).toMatchObject({ network: 'dlib', alignment: 'ffhq' })
  const { autoencoder, unet } = latentDiffusion(config)
  expect(autoencoder.latentShape(config.imageSize)).toEqual([16, 1, 512])
  expect(autoencoder.rowGroups?.reduce((a, b) => a + b)).toBe(16)
  expect(unet.parameters['proj_in.weight']).toEqual([256, 512])
  expect(countParameters(unet.parameters)).toBeLessThan(10e6)
})

it('wants one denoiser, one that its autoencoder has latents for, and a size that the generator has', async () => {
  const { denoiser } = await loadModelConfig('faces-1024')
  const { unet } = await loadModelConfig('faces-128')
  const refused = async (name: string, changes: object) =>
    loadModelConfig(changed(name, changes)).then(
      () => 'nothing',
      error => error.message as string,
    )
  expect(await refused('faces-1024', { denoiser: undefined })).toMatch(/'denoiser': expected either it or unet/)
  expect(await refused('faces-1024', { unet })).toMatch(/'denoiser': expected either it or unet/)
  expect(await refused('faces-128', { denoiser, unet: undefined })).toMatch(/'denoiser': expected a UNet/)
  expect(await refused('faces-1024', { imageSize: 200 })).toMatch(/'imageSize'.*128, 256, 1024, found 200/)
  expect(await refused('faces-1024', { denoiser: { ...denoiser, with: 1 } })).toMatch(/'denoiser.with' is not a known/)
})
