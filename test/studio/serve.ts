/** Builds the studio and serves it, as any web server of static files would. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { build } from 'vite'
import { repositoryPath } from '../../src/util/paths.ts'

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

export interface Served {
  readonly origin: string
  /** Bytes that were sent, by path. */
  readonly sent: Map<string, number>
  close(): void
}

export async function serveStudio(): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'studio-'))
  await build({
    configFile: repositoryPath('studio/vite.config.ts'),
    logLevel: 'silent',
    build: { outDir: folder, emptyOutDir: true },
  })
  const sent = new Map<string, number>()
  const server = createServer(({ url = '/' }, response) => {
    const path = new URL(url, 'http://here').pathname.replace(/\/$/, '/index.html')
    try {
      const bytes = readFileSync(join(folder, path))
      sent.set(path, bytes.length)
      response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream').end(bytes)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sent,
    close() {
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
