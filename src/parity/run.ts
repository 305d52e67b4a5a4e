/** Runs golden files on backends, one worker process at a time. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { BackendName } from '../backend/index.ts'
import { typeScriptLoader } from '../repository.ts'
import type { WorkerMessage } from './worker.ts'

/** The result of one file on one backend. */
export type FileResult = WorkerMessage & { backend: BackendName }

/**
 * Checks every file on every backend, sequentially. A worker that dies is an error of the file it was at; the others go
 * on in a new one.
 * @param onResult is given each result as it comes
 */
export async function runParity(
  paths: readonly string[],
  backends: readonly BackendName[],
  onResult: (result: FileResult) => void,
): Promise<void> {
  for (const backend of backends) {
    let left = [...paths]
    while (left.length > 0) {
      const end = await runWorker(backend, left, message => {
        left = left.filter(path => path !== message.path)
        onResult({ backend, ...message })
      })
      const [path, ...rest] = left
      if (path === undefined) break
      onResult({ backend, path, seconds: 0, peakBytes: 0, error: `its process ended early (${end})` })
      left = rest
    }
  }
}

/** Runs one worker to its end, and says how it ended. */
function runWorker(
  backend: BackendName,
  paths: string[],
  onMessage: (message: WorkerMessage) => void,
): Promise<string> {
  const child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), [backend, ...paths], {
    execArgv: ['--import', typeScriptLoader()],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let complaint = ''
  child.stderr!.on('data', chunk => {
    complaint = (complaint + chunk).slice(-2000)
  })
  child.on('message', message => onMessage(message as WorkerMessage))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const reason = /^\w*Error: .*$/m.exec(complaint)?.[0]
      resolve([signal ? `signal ${signal}` : `exit code ${code}`, reason].filter(Boolean).join(', '))
    })
  })
}
