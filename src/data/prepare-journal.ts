/**
 * What a preparation under way has found out: for every picture that it has looked at a line in a journal, and for every
 * face its pixels in a file beside. Each process writes a pair of files of its own and all are read back, so that an
 * interrupted preparation resumes where it was, and several processes can share one.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, writeJsonAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'
import type { Dropped } from './cut-face.ts'

/** What became of a picture. */
export interface Outcome {
  readonly id: string
  /** Of the picture's bytes; absent where they could not be read. */
  readonly sha256?: string
  /** Width and height of the picture. */
  readonly photo?: readonly [number, number]
  /** Why it gave no face; absent where it gave one. */
  readonly dropped?: Dropped
}

/** Where the face of a picture is. */
export interface Found extends Outcome {
  /** Reads its pixels, [size, size, 3]; absent where there is none. */
  readonly pixels?: () => Promise<Uint8Array>
}

const settingsFile = 'settings.json'

export class Journal {
  private constructor(
    private readonly journal: FileHandle,
    private readonly faces: FileHandle,
  ) {}

  /**
   * Begins a pair of files in `folder`, which is made where it is not there yet.
   * @param settings what outcomes depend on: those that are there must have been found with the same
   * @throws UserError when they were not
   */
  static async begin(folder: string, settings: unknown): Promise<Journal> {
    await makeFolder(folder)
    const path = join(folder, settingsFile)
    const found = await readRegularText(path).catch(() => undefined)
    if (found === undefined) await writeJsonAtomic(path, settings)
    else if (JSON.stringify(JSON.parse(found)) !== JSON.stringify(settings))
      throw new UserError(
        `${folder} holds a preparation that was interrupted and had other settings (${settingsFile}): run that to its end, choose another --out, or remove the folder`,
      )
    const name = randomBytes(6).toString('hex')
    const [journal, faces] = await Promise.all(['jsonl', 'u8'].map(type => open(join(folder, `${name}.${type}`), 'wx')))
    return new Journal(journal!, faces!)
  }

  /** Writes down what became of a picture: its face's pixels first, so that a line never speaks of pixels not there. */
  async add(outcome: Outcome, pixels?: Uint8Array): Promise<void> {
    if (pixels) await this.faces.writeFile(pixels)
    await this.journal.writeFile(`${JSON.stringify(outcome)}\n`)
  }

  async close(): Promise<void> {
    await Promise.all([this.journal.close(), this.faces.close()])
  }
}

/**
 * What is known so far of each picture, by its id: the first outcome of two.
 * @param size side of the faces
 */
export async function readJournals(folder: string, size: number): Promise<Map<string, Found>> {
  const found = new Map<string, Found>()
  for (const name of await journals(folder)) {
    const path = join(folder, name.replace(/jsonl$/, 'u8'))
    const written = await stat(path)
    let faces = 0
    // What follows the last line break was cut short.
    for (const line of (await readRegularText(join(folder, name))).split('\n').slice(0, -1)) {
      const outcome = JSON.parse(line) as Outcome
      const place = faces * size ** 2 * 3
      if (!outcome.dropped) faces++
      if (faces * size ** 2 * 3 > written.size) break // A crash of the machine can lose the one file and keep the other.
      if (found.has(outcome.id)) continue
      found.set(
        outcome.id,
        outcome.dropped ? outcome : { ...outcome, pixels: () => readAt(path, place, size ** 2 * 3) },
      )
    }
  }
  return found
}

async function journals(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter(name => name.endsWith('.jsonl')).sort()
}

async function readAt(path: string, position: number, length: number): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const bytes = new Uint8Array(length)
    await file.read(bytes, 0, length, position)
    return bytes
  } finally {
    await file.close()
  }
}
