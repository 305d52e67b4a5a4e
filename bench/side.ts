import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import type { KernelTime } from './kernels.ts'
import { peakMemory } from './peak-memory.ts'

/** One side's process for one case: it computes only while it is asked to, and sleeps in between. */
export class Side {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface
  readonly #command: string
  /** What it wrote of itself, shown only when it fails: TensorFlow greets at every start. */
  #messages = ''

  constructor(command: string, args: readonly string[], threads: number) {
    this.#command = command
    const limits = {
      TF_NUM_INTRAOP_THREADS: String(threads),
      TF_NUM_INTEROP_THREADS: '1',
      OMP_NUM_THREADS: String(threads),
      // Idle threads that spin would take a core from the other side.
      OMP_WAIT_POLICY: 'PASSIVE',
      TF_CPP_MIN_LOG_LEVEL: '3',
    }
    this.#process = spawn(command, args, { env: { ...process.env, ...limits } })
    this.#process.stderr.setEncoding('utf8').on('data', text => (this.#messages += text))
    this.#reader = createInterface({ input: this.#process.stdout })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  /** Waits until it is warm; ours then tells how many operations a repetition is. */
  async ready(): Promise<{ library: string; operations?: number }> {
    const { ready, operations } = await this.#answer<{ ready: string; operations?: number }>('ready')
    return { library: ready, operations }
  }

  /** Seconds of one repetition. */
  async repeat(): Promise<number> {
    return (await this.#repetition()).seconds
  }

  /** Seconds of the processor for one repetition: what else the machine does lengthens them little. Ours alone tells. */
  async repeatAlone(): Promise<number> {
    return (await this.#repetition()).processor
  }

  /** What each kernel took of one repetition. Ours alone tells. */
  async kernels(): Promise<readonly KernelTime[]> {
    this.#process.stdin.write('kernels\n')
    return (await this.#answer<{ kernels: KernelTime[] }>('kernels')).kernels
  }

  #repetition() {
    this.#process.stdin.write('\n')
    return this.#answer<{ seconds: number; processor: number }>('seconds')
  }

  /** The most memory it ever held, in bytes; undefined where the system does not tell. */
  peakMemory(): number | undefined {
    return peakMemory(this.#process.pid)
  }

  end(): void {
    this.#reader.close()
    this.#process.kill()
  }

  /** The next line that holds `key`; libraries print lines of their own. */
  async #answer<T>(key: keyof T & string): Promise<T> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done) throw new Error(`${this.#command} ended before it answered:\n${this.#messages}`)
      if (value.startsWith(`{"${key}"`)) return JSON.parse(value)
    }
  }
}
