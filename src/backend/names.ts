/** Every backend by name, fastest first. */
export const backendNames = ['tensorflow-gpu', 'webgpu', 'tensorflow', 'wasm', 'cpu'] as const

export type BackendName = (typeof backendNames)[number]
