/** A Redis server of the test's own, on a port that is free. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why there is none, or undefined. */
export function redisAbsent(): string | undefined {
  const { error } = spawnSync('redis-server', ['--version'])
  return error ? 'redis-server is not installed (apt-get install redis-server)' : undefined
}

export interface RedisServer {
  readonly url: string
  stop(): Promise<void>
}

/** @param password asked of every client, where there is one */
export async function startRedis(password?: string): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'))
  const port = await freePort()
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder]
  const server = spawn('redis-server', [...options, ...(password ? ['--requirepass', password] : [])])
  await ready(server)
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: () =>
      new Promise(resolve => {
        server.once('close', () => {
          rmSync(folder, { recursive: true, force: true })
          resolve()
        })
        server.kill()
      }),
  }
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    server.stdout!.on('data', chunk => {
      said += chunk
      if (said.includes('Ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`redis-server ended: ${said}`)))
  })
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
