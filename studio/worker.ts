/** The worker of the studio: an engine that starts its backend and fetches its models by itself. */
import { expose } from 'comlink'
import { type BrowserBackend, provideFiles, useBackend } from '../src/browser.ts'
import { Downloads, type Progress } from './downloads.ts'
import { Engine } from './engine.ts'

/** Those that the models are tested on, the fastest first. */
const [fastest, everywhere]: readonly [BrowserBackend, BrowserBackend] = ['webgpu', 'wasm']

export class StudioEngine extends Engine {
  /**
   * @param seed of all random numbers; fresh ones for each photo unless given
   * @param overrides settings of the recipes that are other than the project's, as `steps=10`
   * @param onProgress told of models' files as they arrive
   * @returns what computes
   */
  async start(
    seed: number | undefined,
    overrides: readonly string[],
    onProgress: (progress: Progress) => void,
  ): Promise<BrowserBackend> {
    const base = new URL('weights/', self.location.href.replace(/assets\/[^/]*$/, ''))
    const downloads = await Downloads.open(base, onProgress)
    provideFiles(path => downloads.read(path))
    this.seed = seed
    this.overrides = overrides
    const options = {
      wasmFolder: new URL('wasm/', base).href,
      wasmKernels: await downloads.read('native/kernels.wasm'),
    }
    return useBackend(fastest, options).catch(() => useBackend(everywhere, options))
  }
}

expose(new StudioEngine())
