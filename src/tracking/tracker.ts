import type { Image } from '../images/image.ts'

/** What a run is called and was asked for. */
export interface RunDescription {
  readonly name: string
  /** Settings by dotted name. */
  readonly params: Readonly<Record<string, string | number | boolean>>
  readonly tags: Readonly<Record<string, string>>
  /** The numbers by which runs are compared. */
  readonly compared: readonly string[]
  /** Steps taken so far: what was told of later ones, before the run was interrupted, is told again. */
  readonly step: number
}

export type Outcome = 'finished' | 'failed' | 'interrupted'

/**
 * Somewhere that a run can be watched. Only `start` may throw, for a mistake of the user's; after it nothing stops or
 * slows the run: what cannot be written or delivered is said once.
 */
export interface Tracker {
  start(run: RunDescription): Promise<void>
  /** Numbers by name; a slash groups them: 'loss/pixels'. */
  scalars(step: number, values: Readonly<Record<string, number>>): void
  image(step: number, name: string, image: Image): void
  /** The distribution of all values of the arrays together. */
  histogram(step: number, name: string, values: readonly Float32Array[]): void
  /** Markdown. */
  text(step: number, name: string, text: string): void
  /** A file, kept under its own name. */
  artifact(path: string): void
  /** Writes or delivers what is still to be, within a time limit. */
  finish(outcome: Outcome): Promise<void>
}

/** Tells several trackers the same. */
export function all(trackers: readonly Tracker[]): Tracker {
  return {
    start: async run => void (await Promise.all(trackers.map(tracker => tracker.start(run)))),
    scalars: (...told) => trackers.forEach(tracker => void tracker.scalars(...told)),
    image: (...told) => trackers.forEach(tracker => void tracker.image(...told)),
    histogram: (...told) => trackers.forEach(tracker => void tracker.histogram(...told)),
    text: (...told) => trackers.forEach(tracker => void tracker.text(...told)),
    artifact: path => trackers.forEach(tracker => void tracker.artifact(path)),
    finish: async outcome => void (await Promise.all(trackers.map(tracker => tracker.finish(outcome)))),
  }
}
