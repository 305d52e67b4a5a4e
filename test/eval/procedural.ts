/** Folders of pictures for tests: blocks of colour by person and photo, and versions of them. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DistributionNetwork } from '../../src/eval/features/inception.ts'
import { writeImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { RandomStream } from '../../src/util/random.ts'

/** A picture of `size` x `size` that its key alone decides: 8 x 8 blocks of random colours. */
export function blocks(size: number, ...key: (string | number)[]): Image {
  const colours = Uint8Array.from({ length: 8 * 8 * 3 }, () => 0)
  const random = new RandomStream(0, 'blocks', ...key)
  for (let i = 0; i < colours.length; i++) colours[i] = random.integer(256)
  const data = new Uint8Array(size * size * 3)
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      for (let c = 0; c < 3; c++)
        data[3 * (y * size + x) + c] = colours[3 * (Math.floor((8 * y) / size) * 8 + Math.floor((8 * x) / size)) + c]!
  return { width: size, height: size, data }
}

/** Writes pictures by name into a folder, as PNG. */
export async function writeFolder(folder: string, pictures: Readonly<Record<string, Image>>): Promise<string> {
  for (const [name, image] of Object.entries(pictures)) {
    const path = join(folder, `${name}.png`)
    mkdirSync(dirname(path), { recursive: true })
    await writeImage(path, image)
  }
  return folder
}

/** Mean colours: what a set of pictures is as a whole, without a network of 40 MB. */
export const colours: DistributionNetwork = {
  name: 'mean colours',
  feature: {
    name: 'colours',
    of: 'picture',
    load: async () => ({
      checksum: 'colours-of-tests',
      compute: async pictures =>
        pictures.map(({ data }) =>
          Float32Array.from([0, 1, 2], c => {
            const channel = data.filter((_, i) => i % 3 === c)
            return channel.reduce((sum, value) => sum + value, 0) / channel.length / 255
          }),
        ),
    }),
  },
}
