/** The kinds of work that workers do, by name. */

import type { Handler } from '../jobs/job.ts'
import { protectPhotoJob } from '../pipeline/photo-job.ts'
import { measurePoint } from '../sweep/measure.ts'

export const handlers: Readonly<Record<string, Handler>> = { point: measurePoint, photo: protectPhotoJob }
