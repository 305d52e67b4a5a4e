/** What a number means, beside every number that is reported; docs/metrics.md says the same at greater length. */
export interface Definition {
  /** Also the anchor of its section in docs/metrics.md. */
  readonly id: string
  /** As in a table's head. */
  readonly name: string
  /** Unit or range. */
  readonly unit: string
  /** What is computed, of what, with every convention on which implementations differ. */
  readonly text: string
  /** Where the definition comes from. */
  readonly source: string
}

/** The answer where too little data was given for a number: never a number made up in its place. */
export interface Unmeasured {
  /** What would be needed, and what there is. */
  readonly unmeasured: string
}

/** Whether there is a number. */
export function isMeasured<T>(result: T): result is Exclude<T, Unmeasured> {
  return !(typeof result === 'object' && result !== null && 'unmeasured' in result)
}
