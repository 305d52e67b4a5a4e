/** Readers that do what must not happen, to whatever is not 'whole': for tests of the harness. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Read } from './readers.ts'

const unlessWhole =
  (act: (text: string, folder: string) => Promise<Read>) =>
  async (folder: string, name: string): Promise<Read> => {
    const text = await readFile(join(folder, name), 'utf8')
    return text === 'whole' ? { sums: ['whole'] } : act(text, folder)
  }

export const badReaders: Readonly<Record<string, (folder: string, name: string) => Promise<Read>>> = {
  hangs: unlessWhole(async () => {
    for (;;);
  }),
  dies: unlessWhole(async () => process.kill(process.pid, 'SIGKILL') && {}),
  stumbles: unlessWhole(async () => {
    throw new RangeError('out of range')
  }),
  takesMemory: unlessWhole(async () => {
    Buffer.alloc(1.3 * 2 ** 30, 1)
    return {}
  }),
  writesElsewhere: unlessWhole(async (_, folder) => {
    await writeFile(join(folder, '..', '..', 'outside', 'y.jpg'), 'mine')
    return {}
  }),
  acceptsAnything: unlessWhole(async text => ({ sums: [text] })),
}
