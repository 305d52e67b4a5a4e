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

  write(work: () => Promise<void>): void {
    this.written = this.written.then(async () => {
      if (this.failed) return
      await work().catch((error: Error) => {
        this.failed = true
        this.say(`${this.name} is not written any more: ${error.message}`)
      })
    })
  }

  /** Until all that was given is written. */
  async finish(): Promise<void> {
    await this.written
  }
}
