import { appendFile } from 'node:fs/promises'
import type { Spool } from './spool.ts'

export interface Recipient<Message> {
  readonly name: string
  /** How many of the first messages, one at least, are sent together. */
  together(messages: readonly Message[]): number
  /** Delivers messages; throws when that failed. */
  send(messages: readonly Message[]): Promise<void>
  /** Whether messages that failed so would fail again. */
  isFinal(error: unknown): boolean
  /** Whether they wait for something else that is on its way, and is complained of by itself when it fails. */
  isEarly(error: unknown): boolean
}

export interface DeliverySettings {
  /** Seconds before a message is sent, so that others come with it. */
  readonly linger?: number
  /** Seconds before a failed one is sent again, doubled each time up to the second. */
  readonly retry?: readonly [number, number]
  /** Seconds that the end of the run waits for what is still to be sent. */
  readonly patience?: number
}

/**
 * Sends the messages of a spool one after another, in the background of everything else, and again when that failed. What
 * goes wrong with the recipient is said once, and once what goes wrong with the spool.
 */
export class Delivery<Message> {
  private readonly running: Promise<void>
  private readonly settings: Required<DeliverySettings>
  private isFinishing = false
  private isOver = false
  private hasComplained = false
  private hasGivenUp = false
  private refused = 0
  private wake = () => {}

  constructor(
    private readonly spool: Spool<Message>,
    private readonly recipient: Recipient<Message>,
    private readonly say: (message: string) => void,
    settings: DeliverySettings = {},
  ) {
    this.settings = { linger: 0.5, retry: [1, 60], patience: 15, ...settings }
    this.running = this.deliver().catch(error => this.giveUp('nothing more is sent', error))
  }

  /** @throws when it cannot be kept on the disk */
  add(message: Message): void {
    this.spool.add(message)
    this.wake()
  }

  /** Sends what is still to be sent, for as long as `patience` says; names the file that keeps the rest. Never throws. */
  async finish(): Promise<void> {
    const { name } = this.recipient
    this.isFinishing = true
    this.wake()
    let timer: NodeJS.Timeout | undefined
    // Not unref'd: it keeps the process until all is done.
    const timeout = new Promise<void>(resolve => {
      timer = setTimeout(resolve, 1000 * this.settings.patience)
    })
    await Promise.race([this.running, timeout])
    clearTimeout(timer)
    this.isOver = true
    try {
      const left = await this.spool.close()
      if (left > 0)
        this.say(`${left} messages to ${name} are kept in ${this.spool.path}: the same command again delivers them`)
    } catch (error) {
      this.giveUp('what it was still to be told may be lost', error as Error)
    }
    if (this.refused > 0) this.say(`${this.refused} messages that ${name} refused are in ${this.refusals}`)
    if (this.spool.dropped > 0)
      this.say(`${this.spool.dropped} messages to ${name} are lost: more was to be kept than may be`)
  }

  private get refusals(): string {
    return this.spool.path.replace(/(\.\w+)?$/, '-refused$1')
  }

  private async deliver(): Promise<void> {
    const { linger, retry } = this.settings
    let delay = retry[0]
    while (!this.isOver) {
      const spooled = this.spool.peek()
      if (spooled.length === 0) {
        if (this.isFinishing) return
        await this.pause(Number.POSITIVE_INFINITY)
        await this.pause(linger)
        continue
      }
      const sent = spooled.slice(0, this.recipient.together(spooled.map(({ message }) => message)))
      try {
        await this.recipient.send(sent.map(({ message }) => message))
        delay = retry[0]
      } catch (error) {
        if (!this.recipient.isFinal(error)) {
          if (!this.recipient.isEarly(error))
            this.complain(`${(error as Error).message}; the run continues, and the data is sent later`)
          await this.pause(this.isFinishing ? Math.min(delay, 1) : delay)
          delay = Math.min(2 * delay, retry[1])
          continue
        }
        this.complain((error as Error).message)
        this.refused += sent.length
        await appendFile(this.refusals, sent.map(({ message }) => `${JSON.stringify(message)}\n`).join(''))
      }
      if (!this.isOver) this.spool.drop(sent.at(-1)!.end)
    }
  }

  private complain(reason: string): void {
    if (!this.hasComplained) this.say(`${this.recipient.name}: ${reason}`)
    this.hasComplained = true
  }

  private giveUp(what: string, { message }: Error): void {
    if (!this.hasGivenUp) this.say(`${this.recipient.name}: ${what}: ${message}`)
    this.hasGivenUp = true
  }

  /** Until so many seconds have passed, a message comes while waiting for one, or the run ends. */
  private pause(seconds: number): Promise<void> {
    if (this.isFinishing && seconds === Number.POSITIVE_INFINITY) return Promise.resolve()
    return new Promise(resolve => {
      const timer = Number.isFinite(seconds) ? setTimeout(resolve, 1000 * seconds) : undefined
      timer?.unref()
      this.wake = () => {
        // While it waits to try again, only the end of the run hurries it.
        if (timer !== undefined && !this.isFinishing) return
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
