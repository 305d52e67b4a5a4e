import { appendFile, open, readFile, stat, truncate, unlink } from 'node:fs/promises'
import { writeFileAtomic } from '../atomic.ts'

export interface Spooled<Message> {
  readonly message: Message
  /** Bytes up to its end from where the first one begins. */
  readonly end: number
}

/**
 * Messages on their way to somewhere, a line of JSON each in one file, so that neither a long outage fills the memory nor
 * the end of the process loses any. They are taken from the front and added at the end.
 */
export class Spool<Message> {
  /** Bytes at the front of the file that are done with, and bytes in all. */
  private done = 0
  private size = 0
  private refused = 0
  /** All work on the file, one after another. */
  private queue: Promise<unknown> = Promise.resolve()

  /** @param limit bytes that the file may have; what comes then is not kept */
  constructor(
    readonly path: string,
    private readonly limit = 256 * 1024 ** 2,
  ) {
    this.enqueue(async () => {
      this.size = (await stat(path).catch(() => ({ size: 0 }))).size
      // So that what an earlier process did not write to its end is a line of its own.
      if (this.size > 0) await this.append(Buffer.from('\n'))
    })
  }

  /** How many messages were not kept. */
  get dropped(): number {
    return this.refused
  }

  add(message: Message): Promise<void> {
    return this.enqueue(async () => {
      const line = Buffer.from(`${JSON.stringify(message)}\n`)
      if (this.size - this.done + line.length > this.limit) {
        this.refused++
        return
      }
      await this.append(line)
    })
  }

  /** The first messages, of about `bytes` together but one at least, each with where it ends; none when there are none. */
  peek(bytes = 2 ** 20): Promise<Spooled<Message>[]> {
    return this.enqueue(async () => {
      let length = bytes
      while (this.done < this.size) {
        const lines = wholeLines(await read(this.path, this.done, Math.min(length, this.size - this.done)))
        const messages = lines.flatMap(line => parse<Message>(line))
        if (messages.length > 0) return messages
        const skipped = lines.at(-1)?.end ?? 0
        if (this.done + length >= this.size) await this.forget()
        // One message is longer than that.
        else if (skipped === 0) length *= 2
        else this.done += skipped
      }
      return []
    })
  }

  /** So many bytes from the front are done with. */
  drop(bytes: number): Promise<void> {
    return this.enqueue(async () => {
      this.done += bytes
      if (this.done >= this.size) await this.forget()
    })
  }

  /** Leaves what is still to be sent in the file, or no file; how many messages that are. */
  close(): Promise<number> {
    return this.enqueue(async () => {
      if (this.done >= this.size) {
        await unlink(this.path).catch(() => {})
        return 0
      }
      const left = (await readFile(this.path)).subarray(this.done)
      if (this.done > 0) await writeFileAtomic(this.path, left)
      return wholeLines(left).flatMap(parse).length
    })
  }

  private async append(bytes: Buffer): Promise<void> {
    await appendFile(this.path, bytes)
    this.size += bytes.length
  }

  private async forget(): Promise<void> {
    await truncate(this.path, 0)
    ;[this.done, this.size] = [0, 0]
  }

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work)
    this.queue = result.catch(() => {})
    return result
  }
}

async function read(path: string, position: number, length: number): Promise<Buffer> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
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
