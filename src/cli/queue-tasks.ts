/** The tasks that the workers of a queue do. */
import type { Task } from '../jobs/task.ts'
import { protectPhotoTask } from '../pipeline/tasks.ts'
import { measurePointTask } from '../sweep/measure.ts'

export const queueTasks: readonly Task<never, unknown>[] = [protectPhotoTask, measurePointTask]
