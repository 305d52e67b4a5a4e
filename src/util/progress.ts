/** How far long work is, on stderr: a bar on a terminal, now and then a line anywhere else. */
import { clearLine, cursorTo } from 'node:readline'
import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  /** `done` of the total are done; `note` stands at the end of the line; a `total` known better by now replaces it. */
  update(done: number, note?: string, total?: number): void
  /** Says something between, that stays. */
  note(text: string): void
  /** Ends the bar where it stands. A second call does nothing. */
  stop(): void
}

/** Seconds between lines where there is no terminal. */
const interval = 5

/**
 * Starts to show the progress of `total` pieces of work called `label`.
 * @param from pieces that were done before, which say nothing of the pace
 */
export function progress(
  label: string,
  total: number,
  { from = 0, stream = process.stderr }: { from?: number; stream?: NodeJS.WriteStream } = {},
): Progress {
  const pace: Pace = { started: Date.now(), from }
  return stream.isTTY ? bar(label, total, pace, stream) : lines(label, total, pace, stream)
}

/** Since when, and from where, the work goes on. */
interface Pace {
  readonly started: number
  readonly from: number
}

function bar(label: string, expected: number, pace: Pace, stream: NodeJS.WriteStream): Progress {
  const single = new SingleBar(
    {
      format: `${label} {bar} {value}/{total}{left}{said}`,
      stream,
      barsize: 24,
      fps: 5,
      // Without these a Ctrl-C cannot leave the terminal changed, and the bar does not listen for one.
      hideCursor: false,
      linewrap: null,
      gracefulExit: false,
      // A note between moves the bar to another line, where it has not been drawn.
      forceRedraw: true,
    },
    Presets.shades_classic,
  )
  let [total, said] = [expected, '']
  single.start(total, pace.from, { left: '', said })
  return {
    update(done, note = said, newTotal = total) {
      if (newTotal !== total) single.setTotal(newTotal)
      ;[said, total] = [note, newTotal]
      single.update(Math.min(done, total), { left: left(pace, done, total), said: ending(said) })
    },
    note(text) {
      clearLine(stream, 0)
      cursorTo(stream, 0)
      stream.write(`${text}\n`)
    },
    stop: () => single.stop(),
  }
}

function lines(label: string, expected: number, pace: Pace, stream: NodeJS.WriteStream): Progress {
  let last = pace.started
  let [total, said] = [expected, '']
  let latest = ''
  let written = ''
  const write = () => {
    if (latest !== written) stream.write(`${latest}\n`)
    written = latest
    last = Date.now()
  }
  return {
    update(done, note = said, newTotal = total) {
      ;[said, total] = [note, newTotal]
      latest = `${label} ${done}/${total}${left(pace, done, total)}${ending(said)}`
      if (Date.now() - last >= interval * 1000) write()
    },
    note: text => void stream.write(`${text}\n`),
    stop: write,
  }
}

/** ", 2 min left" at the pace so far; nothing before the first piece is done and after the last. */
function left({ started, from }: Pace, done: number, total: number): string {
  if (done <= from || done >= total) return ''
  return `, ${duration(((Date.now() - started) / 1000 / (done - from)) * (total - done))} left`
}

function ending(said: string): string {
  return said === '' ? '' : `, ${said}`
}

/** Seconds as a person says them: 42 s, 3 min 20 s, 2 h 5 min. */
export function duration(seconds: number): string {
  const s = Math.ceil(seconds)
  if (s < 60) return `${s} s`
  if (s < 600) return s % 60 === 0 ? `${s / 60} min` : `${Math.floor(s / 60)} min ${s % 60} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
