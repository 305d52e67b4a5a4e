/** What a run takes, said before anything is loaded: shapes, parameters, operations and memory. */
import { totalmem } from 'node:os'
import type { BackendName } from '../backend/names.ts'
import { countParameters, type Shapes } from '../models/module.ts'
import { UserError } from '../util/errors.ts'
import { textTable } from '../util/text-table.ts'
import type { Count } from './shape-backend.ts'

/** A network of a run. */
export interface PlannedNetwork {
  readonly name: string
  readonly parameters: Shapes
}

export interface Plan {
  /** What is planned: 'anonymize one face with faces-128'. */
  readonly title: string
  /** Each network once, those that share their weights under one name. */
  readonly networks: readonly PlannedNetwork[]
  /** Shapes of what goes in, between and out, by name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>
  /** Parts of the run by name, in order. */
  readonly stages: ReadonlyMap<string, Count>
}

/** What a backend takes of memory besides the tensors that the program has, in bytes. */
interface MemoryModel {
  /** Node, the program and the backend's library, measured on Linux. */
  readonly runtime: number
  /** Of every byte of tensors, how many are taken: what allocators leave unused between them and kernels work on. */
  readonly perTensorByte: number
  /** Of every byte of weights, how many more are taken. */
  readonly perWeightByte: number
  /** All that the backend can hold. */
  readonly limit?: number
}

/**
 * Measured as the highest VmHWM of child processes: the default model and the full-size UNet of Stable Diffusion with its
 * gradients on tensorflow, the default model on wasm, which keeps a packed copy of each filter and weight, and another of
 * those that gradients pass.
 */
const memoryModels: Partial<Record<BackendName, MemoryModel>> = {
  tensorflow: { runtime: 0.6e9, perTensorByte: 1, perWeightByte: 0 },
  wasm: { runtime: 0.21e9, perTensorByte: 1.5, perWeightByte: 1.3, limit: 3.75 * 2 ** 30 },
}

const weightBytes = ({ networks }: Plan): number =>
  4 * networks.reduce((sum, { parameters }) => sum + countParameters(parameters), 0)

/** Bytes of tensors at once, at most. */
export const tensorBytes = ({ stages }: Plan): number =>
  Math.max(...[...stages.values()].map(({ peakBytes }) => peakBytes))

/** Floating-point operations of all parts together. */
export const totalFlops = ({ stages }: Plan): number => [...stages.values()].reduce((sum, { flops }) => sum + flops, 0)

/** Memory of a process that runs the plan on a backend, at its highest, in bytes; undefined for one that was not measured. */
export function processBytes(plan: Plan, backend: BackendName): number | undefined {
  const model = memoryModels[backend]
  return model && model.runtime + backendBytes(plan, model)
}

const backendBytes = (plan: Plan, { perTensorByte, perWeightByte }: MemoryModel): number =>
  perTensorByte * tensorBytes(plan) + perWeightByte * weightBytes(plan)

/**
 * Refuses a plan that cannot be carried out on a backend on this machine.
 * @param memory of the machine, in bytes
 * @param jobs processes that carry it out at once
 * @throws UserError that says what is needed, what there is, and what would do
 */
export function refuseTooLarge(plan: Plan, backend: BackendName, memory = machineMemory(), jobs = 1): void {
  const model = memoryModels[backend]
  if (!model) return
  const needed = model.runtime + backendBytes(plan, model)
  const { limit = Number.POSITIVE_INFINITY } = model
  if (backendBytes(plan, model) > limit) {
    const native = processBytes(plan, 'tensorflow')!
    throw new UserError(
      `expected to ${plan.title} within the ${gigabytes(limit)} that ${backend} can hold, found that it takes ${gigabytes(backendBytes(plan, model))}: take --backend tensorflow (npm run native), which wants ${gigabytes(native)} of memory`,
    )
  }
  if (jobs * needed > memory)
    throw new UserError(
      `expected to ${plan.title} in this machine's ${gigabytes(memory)} of memory, found that it takes ${gigabytes(needed)} on ${backend}${jobs > 1 ? ` in each of ${jobs} processes: take fewer --jobs,` : ': take'} fewer samples or smaller batches, a smaller model, or a machine with more`,
    )
}

/** Memory of this machine, or of the container around the process, in bytes. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** The plan as lines for people. */
export function planLines(plan: Plan, backend: BackendName): string[] {
  const counted = plan.networks.map(({ name, parameters }) => [name, countParameters(parameters)] as const)
  const total = counted.reduce((sum, [, count]) => sum + count, 0)
  const process = processBytes(plan, backend)
  return [
    `${plan.title} on ${backend}`,
    '',
    ...table(
      ['network', 'parameters', 'weights'],
      [...counted, ['all', total] as const].map(([name, count]) => [
        name,
        count.toLocaleString('en'),
        megabytes(4 * count),
      ]),
    ),
    '',
    ...table(
      ['tensor', 'shape'],
      [...plan.shapes].map(([name, shape]) => [name, `[${shape.join(', ')}]`]),
    ),
    '',
    ...table(
      ['stage', 'GFLOP', 'operations', 'tensors at most'],
      [...plan.stages].map(([name, { flops, kernels, peakBytes }]) => [
        name,
        gigaflops(flops),
        kernels.toLocaleString('en'),
        megabytes(peakBytes),
      ]),
    ),
    '',
    `in all ${gigaflops(totalFlops(plan))} GFLOP, ` +
      (process === undefined
        ? `${megabytes(tensorBytes(plan))} of tensors at most; the process has not been measured on ${backend}`
        : `${megabytes(process)} of memory at most`),
  ]
}

/** Columns: the first to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return textTable([head, ...rows], column => column > 0).map(line => `  ${line}`)
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6).toLocaleString('en')} MB`
const gigaflops = (flops: number): string =>
  (flops / 1e9).toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
