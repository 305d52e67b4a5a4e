/** A kind of work that can be done in this process, in another, or on another machine. */

export interface JobContext {
  /** A folder of the job's own, which need not exist yet. What a task keeps there spares the next attempt the work. */
  readonly scratch: string
  readonly onProgress: (done: number, total: number) => void
  readonly environment: Environment
}

/** What is another on this machine than a job says. */
export interface Environment {
  /** Where prepared faces lie. */
  readonly faces?: string
  readonly backend?: string
}

/**
 * A function of its input alone: the same input gives the same output, wherever and however often it runs. Input and output are plain
 * values: numbers, strings, arrays, objects of these, and typed arrays.
 */
export interface Task<Input, Output> {
  /** Unique among the tasks of its module, and among those that the workers of a queue do. */
  readonly name: string
  /** URL of the module that exports it: other processes find it there. */
  readonly module: string
  readonly run: (input: Input, context: JobContext) => Promise<Output>
}

/**
 * Makes a task of a function. The module must export the task.
 * @param module `import.meta.url`
 */
export function defineTask<Input, Output>(
  name: string,
  module: string,
  run: Task<Input, Output>['run'],
): Task<Input, Output> {
  return { name, module, run }
}

/** The task of a name among the exports of a module. @throws Error when there is none */
export function taskOf(exported: object, name: string): Task<unknown, unknown> {
  const tasks = Object.values(exported).filter(isTask)
  const task = tasks.find(candidate => candidate.name === name)
  if (!task) throw new Error(`expected a task out of ${tasks.map(known => known.name).join(', ')}, found '${name}'`)
  return task
}

function isTask(value: unknown): value is Task<unknown, unknown> {
  return typeof value === 'object' && value !== null && 'run' in value && 'module' in value && 'name' in value
}
