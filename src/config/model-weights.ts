/** The weights of a model's networks, from wherever its config says that they are. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../errors.ts'
import { type NetworkName, prefixes } from '../models/latent-diffusion.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { sha256, verify } from '../weights/checksum.ts'
import { loadWeights } from '../weights/load.ts'
import type { ModelConfig } from './model.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

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
  const files = weightFiles(config)
  const sha256 = await checksumOf([...new Set(Object.values(files))], config.sha256)
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

/** Loads the weights of one network. @throws UserError when its file is absent or does not fit */
export async function loadNetworkWeights(
  config: ModelConfig,
  network: NetworkName,
  parameters: Shapes,
): Promise<Weights> {
  return loadWeights(located(config, network), parameters, { prefix: prefixes[network] })
}

const networkNames = Object.keys(prefixes) as NetworkName[]

function weightFiles(config: ModelConfig): Record<NetworkName, string> {
  const files = networkNames.map(network => [network, located(config, network)] as const)
  return Object.fromEntries(files) as Record<NetworkName, string>
}

/** The file of a network's weights. @throws UserError when there is none */
function located({ name, weights }: ModelConfig, network: NetworkName): string {
  const written = typeof weights === 'string' ? weights : weights[network]
  const path = isAbsolute(written) ? written : join(root, written)
  if (existsSync(path)) return path
  throw new UserError(`model '${name}': expected its weights at ${path}, found no file: fetch or train them`)
}

async function checksumOf(files: readonly string[], expected: string | undefined): Promise<string> {
  if (files.length === 1) return expected ? verify(files[0]!, expected) : sha256(files[0]!)
  const hash = createHash('sha256')
  for (const file of files) hash.update(await sha256(file))
  return hash.digest('hex')
}
