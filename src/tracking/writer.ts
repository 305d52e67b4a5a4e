/**
 * Writes one after another what is given to it at once, and holds nobody up: the first that fails is said, and nothing is
 * written any more.
 */
export class Writer {
  private written: Promise<void> = Promise.resolve()
  private failed = false

  /**
   * @param name of what is written, for the complaint
   * @param say told the complaint
   */
  constructor(
    private readonly name: string,
    private readonly say: (message: string) => void,
  ) {}

  write(work: () => Promise<unknown>): void {
    this.written = this.written.then(async () => {
      if (!this.failed) await work().catch(error => this.fail(error))
    })
  }

  /** Does work that is done when this returns, and so is not lost whatever happens then. */
  writeNow(work: () => void): void {
    if (this.failed) return
    try {
      work()
    } catch (error) {
      this.fail(error as Error)
    }
  }

  /** Until all that was given is written. */
  async finish(): Promise<void> {
    await this.written
  }

  private fail({ message }: Error): void {
    if (!this.failed) this.say(`${this.name} is not written any more: ${message}`)
    this.failed = true
  }
}
