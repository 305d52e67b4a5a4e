/** A worker of a queue that does the tasks of the tests. Arguments: address, folder of its scratch. */
import { processPool } from '../../src/jobs/process-pool.ts'
import { serve } from '../../src/jobs/queue.ts'
import * as tasks from './tasks.ts'

const [url, scratch] = process.argv.slice(2) as [string, string]
const pool = processPool({ processes: 1, scratch })
const end = await serve(url, pool, Object.values(tasks), { lockSeconds: 2 })
process.on('SIGTERM', () => void end().then(() => process.exit(0)))
process.stdout.write('ready\n')
