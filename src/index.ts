/**
 * The library in Node: all that it is everywhere (core.ts), and what needs files and processes. README.md and examples/ show it in use.
 */

// Backends
export { availableBackends, type BackendName, backendNames, useBackend } from './backend/index.ts'
export * from './core.ts'
// Data sets
export { checkFaceSize, type FaceEntry, FaceStore } from './data/face-store.ts'
export { StoreWriter } from './data/store-writer.ts'
// Picture files
export { formatOf, pictureSize, writeImage } from './images/codec.ts'
// Work in other processes and on other machines
export { type InProcessOptions, inProcess } from './jobs/in-process.ts'
export { JobError, type JobOptions, type Jobs, JobsClosed, type MapOptions } from './jobs/jobs.ts'
export { type ProcessPoolOptions, processPool } from './jobs/process-pool.ts'
export { type QueueOptions, queuePool, serve } from './jobs/queue.ts'
export { defineTask, type Environment, type JobContext, type Task } from './jobs/task.ts'
export { readKey, writeKey } from './keys/files.ts'
// Protected files, and back
export { type ProtectFileOptions, protectFile } from './pipeline/protect-file.ts'
export { type LockedPicture, type ReadProtectedOptions, readProtected, recoverFile } from './pipeline/recover-file.ts'
