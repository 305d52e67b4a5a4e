/** Servers for tests of what happens when one fails. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** @returns the port on which it listens; any free one unless given */
export const listen = (server: Server, port = 0) =>
  new Promise<number>(resolve =>
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  )

export async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await close(server)
  return port
}

/** Answers as MLflow does, to one run, and remembers what it is told. */
export function pretend() {
  const calls: { path: string; body: Record<string, never>; headers: IncomingMessage['headers'] }[] = []
  const run = { info: { run_id: 'r1', artifact_uri: 'mlflow-artifacts:/1/r1/artifacts' }, data: {} }
  const answers: Record<string, unknown> = {
    'experiments/get-by-name': { experiment: { experiment_id: '1' } },
    'runs/search': {},
    'runs/create': { run },
  }
  const server = createServer(async (request, response) => {
    const path = request.url!.replace(/^\/api\/2\.0\/mlflow\//, '').replace(/\?.*/, '')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    calls.push({ path, body: text && request.method === 'POST' ? JSON.parse(text) : {}, headers: request.headers })
    response.end(JSON.stringify(answers[path] ?? {}))
  })
  return {
    server,
    calls,
    stepsTold: () => calls.flatMap(({ body }) => (body.metrics ?? []) as { step: number }[]).map(({ step }) => step),
  }
}
