/**
 * A run on an MLflow server: what is told is kept in the run's folder until the server has it, and the run that goes on
 * is the same run there.
 */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { encodeImage } from '../images/codec.ts'
import { Delivery, type DeliverySettings } from './delivery.ts'
import { type Metric, MlflowRun, noParent } from './mlflow-run.ts'
import { MlflowServer, ServerError } from './mlflow-server.ts'
import { Spool } from './spool.ts'
import { histogram } from './tensorboard.ts'
import type { Outcome, RunDescription, Tracker } from './tracker.ts'
import { Writer } from './writer.ts'

/** What is on its way to the server. */
type Message =
  | { readonly kind: 'metrics'; readonly metrics: readonly Metric[] }
  | { readonly kind: 'tag'; readonly key: string; readonly value: string }
  | { readonly kind: 'artifact'; readonly name: string; readonly base64: string }
  | { readonly kind: 'end'; readonly status: string; readonly time: number }

/** Metrics in one request, as many as the API takes. */
const metricsTogether = 1000

const statuses: Readonly<Record<Outcome, string>> = { finished: 'FINISHED', failed: 'FAILED', interrupted: 'KILLED' }

export interface MlflowOptions {
  /** http://HOST:PORT; else MLFLOW_TRACKING_URI. */
  readonly uri?: string
  /** The run's, where mlflow.json names the run on the server and undelivered messages are kept. */
  readonly folder: string
  /** Folder of the run, tracked on the same server, that this one is nested in. */
  readonly parent?: string
  readonly say: (message: string) => void
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Seconds that one call may take. */
  readonly patience?: number
  readonly delivery?: DeliverySettings
}

/** @throws UserError when no server is named, or not by an address */
export function mlflowTracker(options: MlflowOptions): Tracker {
  const { uri, folder, parent, say, environment = process.env, patience, delivery: settings } = options
  const server = new MlflowServer(uri, environment, patience)
  const experiment = environment.MLFLOW_EXPERIMENT_NAME || 'diff-privacy'
  const writer = new Writer(`what ${server.uri} is told`, say)
  let delivery: Delivery<Message> | undefined
  // At once: what was told of a step is not lost when the process ends, because it is not told again.
  const tell = (message: Message) => writer.writeNow(() => delivery?.add(message))
  const artifact = (name: string, bytes: Uint8Array) =>
    delivery?.add({ kind: 'artifact', name, base64: Buffer.from(bytes).toString('base64') })

  return {
    async start(description: RunDescription) {
      const run = new MlflowRun(server, { description, folder, experiment, parent, startTime: Date.now() })
      const recipient = {
        name: `MLflow at ${server.uri}`,
        together,
        send: (messages: readonly Message[]) => send(run, messages),
        isFinal: (error: unknown) => error instanceof ServerError && error.isFinal,
        isEarly: (error: unknown) => error instanceof ServerError && error.code === noParent,
      }
      writer.writeNow(() => {
        delivery = new Delivery(new Spool(join(folder, 'mlflow-undelivered.jsonl')), recipient, say, settings)
      })
      // The server hears of the run even if it has nothing else to hear.
      tell({ kind: 'tag', key: 'mlflow.source.name', value: 'diff-privacy' })
    },
    scalars(step, values) {
      const timestamp = Date.now()
      const metrics = Object.entries(values).map(([key, value]) => ({ key, value, timestamp, step }))
      // JSON has no other numbers, and the API no other form of them.
      tell({ kind: 'metrics', metrics: metrics.filter(({ value }) => Number.isFinite(value)) })
    },
    image(step, name, image) {
      // The names by which MLflow's pages know a picture of a step.
      const file = `images/${name.replaceAll('/', '~')}+step+${step}+timestamp+${Date.now()}+${randomUUID()}`
      writer.write(async () => {
        artifact(`${file}.png`, await encodeImage(image, 'png'))
        artifact(`${file}+compressed.webp`, await encodeImage(image, 'webp'))
        delivery?.add({ kind: 'tag', key: 'mlflow.loggedImages', value: 'True' })
      })
    },
    histogram(step, name, values) {
      const found = histogram(values)
      if (!found) return
      const mean = found.sum / found.count
      const deviation = Math.sqrt(Math.max(0, found.sumOfSquares / found.count - mean ** 2))
      this.scalars(step, { [`${name}/mean`]: mean, [`${name}/deviation`]: deviation })
    },
    text(step, name, text) {
      writer.writeNow(() => artifact(`${name}-${String(step).padStart(6, '0')}.md`, Buffer.from(text)))
    },
    artifact(path) {
      writer.write(async () => artifact(basename(path), await readFile(path)))
    },
    async finish(outcome) {
      await writer.finish()
      tell({ kind: 'end', status: statuses[outcome], time: Date.now() })
      await delivery?.finish()
    },
  }
}

/** Metrics that follow one another go together; anything else by itself. */
function together(messages: readonly Message[]): number {
  let metrics = 0
  const next = messages.findIndex(message => {
    if (message.kind !== 'metrics') return true
    metrics += message.metrics.length
    return metrics > metricsTogether
  })
  return next < 0 ? messages.length : Math.max(1, next)
}

async function send(run: MlflowRun, messages: readonly Message[]): Promise<void> {
  const [message] = messages
  switch (message?.kind) {
    case 'metrics':
      return run.logMetrics(messages.flatMap(message => (message.kind === 'metrics' ? message.metrics : [])))
    case 'tag':
      return run.setTag(message.key, message.value)
    case 'artifact':
      return run.putArtifact(message.name, Buffer.from(message.base64, 'base64'))
    case 'end':
      return run.end(message.status, message.time)
  }
}
