/** Every backend by name, fastest first. */
export const backendNames = ['tensorflow-gpu', 'webgpu', 'tensorflow', 'wasm', 'cpu'] as const

export type BackendName = (typeof backendNames)[number]

/** What a look at the files and devices says, without loading the backend. */
export interface Availability {
  usable: boolean
  /** The version when usable; otherwise why not and what to do. */
  reason: string
  /** False for a backend that works but is never chosen by itself, as a GPU interface run by the CPU. Default true. */
  automatic?: boolean
}
