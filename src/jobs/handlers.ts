/** The kinds of work that workers do, by name. */
import { protectPhotoJob } from '../pipeline/photo-job.ts'
import { measurePoint } from '../sweep/measure.ts'
import type { Handler } from './job.ts'

export const handlers: Readonly<Record<string, Handler>> = { point: measurePoint, photo: protectPhotoJob }
