import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { writeFileAtomic } from '../util/atomic-write.ts'

export interface Spooled<Message> {
  readonly message: Message
  /** Bytes up to its end from where the first one begins. */
  readonly end: number
}

/**
 * Messages on their way to somewhere, a line of JSON each in one file, so that neither a long outage fills the memory nor
 * the end of the process loses any: a message is on the disk when `add` returns. They are taken from the front.
 */
export class Spool<Message> {
  /** Bytes at the front of the file that are done with, and bytes in all. */
  private done = 0
  private size: number
  private refused = 0

  /** @param limit bytes that the file may have; what comes then is not kept */
  constructor(
    readonly path: string,
    private readonly limit = 256 * 1024 ** 2,
  ) {
    this.size = existsSync(path) ? statSync(path).size : 0
    // So that what an earlier process did not write to its end is a line of its own.
    if (this.size > 0) this.append(Buffer.from('\n'))
  }

  /** How many messages were not kept. */
  get dropped(): number {
    return this.refused
  }

  add(message: Message): void {
    const line = Buffer.from(`${JSON.stringify(message)}\n`)
    if (this.size - this.done + line.length > this.limit) this.refused++
    else this.append(line)
  }

  /** The first messages, of about `bytes` together but one at least, each with where it ends; none when there are none. */
  peek(bytes = 2 ** 20): Spooled<Message>[] {
    let length = bytes
    while (this.done < this.size) {
      const lines = wholeLines(read(this.path, this.done, Math.min(length, this.size - this.done)))
      const messages = lines.flatMap(line => parse<Message>(line))
      if (messages.length > 0) return messages
      const skipped = lines.at(-1)?.end ?? 0
      if (this.done + length >= this.size) this.forget()
      // One message is longer than that.
      else if (skipped === 0) length *= 2
      else this.done += skipped
    }
    return []
  }

  /** So many bytes from the front are done with. */
  drop(bytes: number): void {
    this.done += bytes
    if (this.done >= this.size) this.forget()
  }

  /** Leaves what is still to be sent in the file, or no file; how many messages that are. */
  async close(): Promise<number> {
    if (this.done >= this.size) {
      rmSync(this.path, { force: true })
      return 0
    }
    const left = readFileSync(this.path).subarray(this.done)
    if (this.done > 0) await writeFileAtomic(this.path, left)
    return wholeLines(left).flatMap(parse).length
  }

  private append(bytes: Buffer): void {
    appendFileSync(this.path, bytes)
    this.size += bytes.length
  }

  private forget(): void {
    truncateSync(this.path)
    ;[this.done, this.size] = [0, 0]
  }
}

function read(path: string, position: number, length: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readSync(file, bytes, 0, length, position))
  } finally {
    closeSync(file)
  }
}

interface Line {
  readonly text: string
  /** Bytes up to its end. */
  readonly end: number
}

function wholeLines(bytes: Buffer): Line[] {
  const lines: Line[] = []
  for (let start = 0; ; ) {
    const newline = bytes.indexOf(0x0a, start)
    if (newline < 0) return lines
    lines.push({ text: bytes.toString('utf8', start, newline), end: newline + 1 })
    start = newline + 1
  }
}

/** A line that the end of the process cut short is none. */
function parse<Message>({ text, end }: Line): Spooled<Message>[] {
  try {
    return [{ message: JSON.parse(text), end }]
  } catch {
    return []
  }
}
