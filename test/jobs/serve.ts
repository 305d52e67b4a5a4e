/** A worker of a queue with the handlers of the tests. Arguments: address, folder of its scratch. */
import { processPool } from '../../src/jobs/process-pool.ts'
import { serve } from '../../src/jobs/queue.ts'

const [url, scratch] = process.argv.slice(2) as [string, string]
const pool = processPool({ jobs: 1, handlers: new URL('./handlers.ts', import.meta.url), scratch })
const end = await serve(url, pool, { lockSeconds: 2 })
process.on('SIGTERM', () => void end().then(() => process.exit(0)))
process.stdout.write('ready\n')
