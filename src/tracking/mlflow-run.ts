import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { writeJsonAtomic } from '../util/atomic-write.ts'
import { readRegularText } from '../util/regular-file.ts'
import { type MlflowServer, type RunData, ServerError } from './mlflow-server.ts'
import type { RunDescription } from './tracker.ts'

export interface Metric {
  readonly key: string
  readonly value: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly step: number
}

export interface MlflowRunOptions {
  readonly description: RunDescription
  /** Has mlflow.json, which says which run of the server this one is. */
  readonly folder: string
  readonly experiment: string
  readonly parent?: string
  readonly startTime: number
}

/** What mlflow.json says. */
interface Identity {
  readonly uri: string
  /** A tag of the run by which it is found when the answer to its creation was lost. */
  readonly key: string
  readonly runId?: string
}

/** Names and values in one request, as many as the API takes. */
const together = 100
const longestValue = 6000

const keyTag = 'diff-privacy.key'

/** Code of the error that the run which this one is nested in is not on the server yet. */
export const noParent = 'NO_PARENT'

/** The run on the server: found or made when something is first sent. */
export class MlflowRun {
  private opened: RunData | undefined
  /** The latest step that the server has of each metric: a run that goes on tells nothing twice. */
  private readonly latest = new Map<string, number>()
  /** The latest step of which the server has been told that it was taken again. */
  private again = -1

  constructor(
    private readonly server: MlflowServer,
    private readonly options: MlflowRunOptions,
  ) {}

  async logMetrics(metrics: readonly Metric[]): Promise<void> {
    const { run_id } = (await this.open()).info
    const isKnown = ({ key, step }: Metric) => step <= (this.latest.get(key) ?? -1)
    await this.tagAgain(metrics.filter(isKnown))
    const fresh = metrics.filter(metric => !isKnown(metric))
    if (fresh.length === 0) return
    await this.server.call('POST', 'runs/log-batch', { run_id, metrics: fresh })
    for (const { key, step } of fresh) this.latest.set(key, step)
  }

  /**
   * The server cannot forget values, and would draw both of a step. Those that it has of steps taken again stay, and the
   * tag 'takenAgain.FIRST' says which steps these are: after a change of the config the values may be others.
   */
  private async tagAgain(known: readonly Metric[]): Promise<void> {
    const { step: begun } = this.options.description
    const steps = known.filter(({ step }) => step > begun).map(({ key }) => this.latest.get(key)!)
    const last = Math.max(this.again, ...steps)
    if (last === this.again) return
    await this.setTag(`takenAgain.${begun + 1}`, `${begun + 1} to ${last}`)
    this.again = last
  }

  async setTag(key: string, value: string): Promise<void> {
    const { run_id } = (await this.open()).info
    await this.server.call('POST', 'runs/set-tag', { run_id, key, value })
  }

  async putArtifact(name: string, bytes: Uint8Array): Promise<void> {
    await this.server.putArtifact((await this.open()).info, name, bytes)
  }

  async end(status: string, end_time: number): Promise<void> {
    const { run_id } = (await this.open()).info
    await this.server.call('POST', 'runs/update', { run_id, status, end_time })
  }

  /** @throws ServerError that is never final: what could not be opened now may be later */
  private async open(): Promise<RunData> {
    try {
      this.opened ??= await this.findOrCreate()
      return this.opened
    } catch (error) {
      throw error instanceof ServerError ? new ServerError(0, error.code, error.message) : error
    }
  }

  private async findOrCreate(): Promise<RunData> {
    const { description, folder, parent } = this.options
    const identity = await this.identity()
    const experiment_id = await this.experimentId()
    const filter = `tags.\`${keyTag}\` = '${identity.key}'`
    const search = { experiment_ids: [experiment_id], filter, max_results: 1 }
    const { runs = [] } = await this.server.call<{ runs?: RunData[] }>('POST', 'runs/search', search)
    const run = runs[0] ?? (await this.create(experiment_id, identity.key, parent && (await this.parentId(parent))))
    const run_id = run.info.run_id
    if (runs[0]) await this.server.call('POST', 'runs/update', { run_id, status: 'RUNNING' })
    for (const { key, step = 0 } of run.data.metrics ?? []) this.latest.set(key, Number(step))
    await this.logParams(run, description.params)
    await writeJsonAtomic(join(folder, 'mlflow.json'), { ...identity, runId: run_id })
    return run
  }

  private async experimentId(): Promise<string> {
    const { experiment: name } = this.options
    const query = { experiment_name: name }
    const get = () =>
      this.server.call<{ experiment: { experiment_id: string } }>('GET', 'experiments/get-by-name', query)
    try {
      return (await get()).experiment.experiment_id
    } catch (error) {
      if (!(error instanceof ServerError) || error.code !== 'RESOURCE_DOES_NOT_EXIST') throw error
    }
    try {
      const made = await this.server.call<{ experiment_id: string }>('POST', 'experiments/create', { name })
      return made.experiment_id
    } catch (error) {
      // Another run was quicker.
      if (!(error instanceof ServerError) || error.code !== 'RESOURCE_ALREADY_EXISTS') throw error
      return (await get()).experiment.experiment_id
    }
  }

  private async create(experiment_id: string, key: string, parent: string | undefined): Promise<RunData> {
    const { description, startTime } = this.options
    const tags = { ...description.tags, [keyTag]: key, ...(parent && { 'mlflow.parentRunId': parent }) }
    const made = await this.server.call<{ run: RunData }>('POST', 'runs/create', {
      experiment_id,
      run_name: description.name,
      start_time: startTime,
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    })
    return made.run
  }

  /** Parameters never change on a server: one that does when the run goes on becomes a tag, 'changed.NAME'. */
  private async logParams({ info, data }: RunData, params: RunDescription['params']): Promise<void> {
    const known = new Map((data.params ?? []).map(({ key, value }) => [key, value]))
    const wanted = Object.entries(params).map(([key, value]) => ({ key, value: String(value).slice(0, longestValue) }))
    const fresh = wanted.filter(({ key }) => !known.has(key))
    for (let i = 0; i < fresh.length; i += together)
      await this.server.call('POST', 'runs/log-batch', { run_id: info.run_id, params: fresh.slice(i, i + together) })
    for (const { key, value } of wanted.filter(({ key, value }) => known.has(key) && known.get(key) !== value))
      await this.server.call('POST', 'runs/set-tag', { run_id: info.run_id, key: `changed.${key}`, value })
  }

  /** Of the run on this server; a folder that was tracked on another server has a new one. */
  private async identity(): Promise<Identity> {
    const found = await readIdentity(this.options.folder)
    if (found?.uri === this.server.uri) return found
    const made = { uri: this.server.uri, key: randomUUID() }
    await writeJsonAtomic(join(this.options.folder, 'mlflow.json'), made)
    return made
  }

  private async parentId(folder: string): Promise<string> {
    const found = await readIdentity(folder)
    if (found?.uri === this.server.uri && found.runId) return found.runId
    throw new ServerError(0, noParent, `the run of ${folder}, which this one is part of, is not there yet`)
  }
}

async function readIdentity(folder: string): Promise<Identity | undefined> {
  const text = await readRegularText(join(folder, 'mlflow.json')).catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}
