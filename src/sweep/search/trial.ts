/** What a search is given and what it proposes. */
import type { Settings } from '../space.ts'

export interface Trial {
  readonly settings: Settings
  /** Faces it is measured on. */
  readonly count: number
  readonly state: 'running' | 'done' | 'failed'
  /** The objective of one that is done: lower is better. */
  readonly value?: number
}

export type Proposal = Pick<Trial, 'settings' | 'count'>

/** `wait` when the next trial depends on one that is running, `done` when there is none. */
export type Next = Proposal | 'wait' | 'done'

/** @param trials all so far, in the order in which they were proposed */
export type Search = (trials: readonly Trial[]) => Next
