/** The weights of a model's networks, from wherever its config says that they are. */

import { sha256, verify } from '#checksum'
import { filesOf, isFolder } from '#folder'
import { sha256Hex } from '#sha256'
import type { ModelConfig } from '../config/model.ts'
import { type NetworkName, prefixes } from '../models/latent-diffusion.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { nearestHint, UserError } from '../util/errors.ts'
import { autoencoderLayout, textLayout, unetLayout } from '../weights/layouts/stable-diffusion.ts'
import type { Layout } from '../weights/layouts.ts'
import { generatorLayout, msiLayout } from '../weights/layouts.ts'
import { loadWeights } from '../weights/load.ts'
import { locateWeights } from '../weights/locate.ts'

export interface ModelWeights {
  /** Of each network, by its parameters' names. */
  readonly weights: Record<NetworkName, Weights>
  /** SHA-256 of the weights file; of the SHA-256s, in their order, where there are several. */
  readonly sha256: string
}

/**
 * Loads the weights of all networks of a model.
 * @param parameters of each network
 * @throws UserError when a file is absent, has another checksum than the config says, or does not fit
 */
export async function loadModelWeights(
  config: ModelConfig,
  parameters: Record<NetworkName, Shapes>,
): Promise<ModelWeights> {
  const sha256 = await modelChecksum(config)
  const load = (network: NetworkName) => loadNetworkWeights(config, network, parameters[network])
  return {
    weights: {
      autoencoder: await load('autoencoder'),
      unet: await load('unet'),
      text: await load('text'),
      msi: await load('msi'),
    },
    sha256,
  }
}

/**
 * Loads the weights of one network; tensors of its that the network does not have are named in a warning and left out.
 * @throws UserError when its file is absent, or lacks a tensor, or has one of another shape
 */
export async function loadNetworkWeights(
  config: ModelConfig,
  network: NetworkName,
  parameters: Shapes,
): Promise<Weights> {
  if (Object.keys(parameters).length === 0) return {}
  const paths = await located(config, network)
  const isGenerator = network === 'autoencoder' && config.autoencoder.kind === 'generator'
  const layout = isGenerator ? generatorLayout : layouts[network]
  const onExtra = ([first, ...others]: string[]) => {
    const more = others.length > 0 ? ` and ${others.length} more` : ''
    const hint = nearestHint(first!, Object.keys(parameters))
    console.warn(
      `warning: ${paths.join(' and ')}: the ${network} of '${config.name}' has no tensor '${first}'${hint}${more}: left out`,
    )
  }
  return loadWeights(paths, parameters, { layout, onExtra })
}

const networkNames = Object.keys(prefixes) as NetworkName[]

/** How each network's tensors may be named. */
const layouts: Readonly<Record<NetworkName, Layout>> = {
  autoencoder: autoencoderLayout,
  unet: unetLayout,
  text: textLayout,
  msi: msiLayout,
}

/**
 * Where the weights of each network are.
 * @throws UserError when one is absent
 */
export async function weightFiles(config: ModelConfig): Promise<Record<NetworkName, readonly string[]>> {
  const files = networkNames.map(async network => [network, await located(config, network)] as const)
  return Object.fromEntries(await Promise.all(files)) as unknown as Record<NetworkName, readonly string[]>
}

/**
 * SHA-256 of a model's weights as `loadModelWeights` gives it, without loading them.
 * @throws UserError when a file is absent or has another checksum than the config says
 */
export async function modelChecksum(config: ModelConfig): Promise<string> {
  const files = Object.values(await weightFiles(config)).flat()
  return checksumOf([...new Set(files)], config.sha256)
}

/**
 * SHA-256 of the weights that one network is read from, perhaps together with others.
 * @throws UserError as `modelChecksum`
 */
export async function networkChecksum(config: ModelConfig, network: NetworkName): Promise<string> {
  return checksumOf(await located(config, network), typeof config.weights === 'string' ? config.sha256 : undefined)
}

/** The files or folders of a network's weights. @throws UserError when one is absent */
async function located({ name, weights }: ModelConfig, network: NetworkName): Promise<string[]> {
  const places = [typeof weights === 'string' ? weights : weights[network]].flat()
  return Promise.all(places.map(locateWeights)).catch(error => {
    throw error instanceof UserError ? new UserError(`model '${name}': ${error.message}`) : error
  })
}

async function checksumOf(paths: readonly string[], expected: string | undefined): Promise<string> {
  const files = (await Promise.all(paths.map(loadedFiles))).flat()
  if (files.length === 1) return expected ? verify(files[0]!, expected) : sha256(files[0]!)
  return sha256Hex(...(await Promise.all(files.map(sha256))))
}

/** A file; or the files of a folder that are loaded, in the order of their names. */
async function loadedFiles(path: string): Promise<string[]> {
  if (!(await isFolder(path))) return [path]
  return (await filesOf(path)).map(file => file.path).sort()
}
