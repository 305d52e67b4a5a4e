/** Builds the studio into studio/dist: the page, its worker, and the models' files with their checksums. */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { defineConfig, type Plugin } from 'vite'
import { modelFiles } from './model-files.ts'

const root = import.meta.dirname
const repository = resolve(root, '..')

/** No request leaves the origin, and no script runs but the studio's own. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self' blob:",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** Copies the models' files and writes their manifest; puts the policy into the page, and the version into the service worker. */
function models(): Plugin {
  let out = ''
  return {
    name: 'models',
    apply: 'build',
    configResolved(config) {
      out = resolve(config.root, config.build.outDir)
    },
    transformIndexHtml: () => [
      { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: policy }, injectTo: 'head-prepend' },
    ],
    closeBundle() {
      const manifest: Record<string, { bytes: number; sha256: string }> = {}
      for (const path of modelFiles) {
        const from = join(repository, path)
        const to = join(out, 'weights', path.replace(/^node_modules\//, 'packages/'))
        mkdirSync(dirname(to), { recursive: true })
        copyFileSync(from, to)
        const sha256 = createHash('sha256').update(readFileSync(from)).digest('base64')
        manifest[path] = { bytes: statSync(from).size, sha256 }
      }
      const wasm = join(repository, 'node_modules/@tensorflow/tfjs-backend-wasm/dist')
      mkdirSync(join(out, 'weights/wasm'), { recursive: true })
      for (const name of readdirSync(wasm).filter(name => name.endsWith('.wasm')))
        copyFileSync(join(wasm, name), join(out, 'weights/wasm', name))
      const text = JSON.stringify(manifest, undefined, 1)
      writeFileSync(join(out, 'weights/manifest.json'), text)
      const files = filesUnder(out).filter(path => !path.startsWith('weights/') && path !== 'sw.js')
      const version = createHash('sha256').update(text)
      for (const path of files) version.update(readFileSync(join(out, path)))
      const worker = join(out, 'sw.js')
      writeFileSync(
        worker,
        readFileSync(worker, 'utf8')
          .replace('__VERSION__', version.digest('hex').slice(0, 12))
          .replace("['__FILES__']", JSON.stringify(['./', ...files])),
      )
    },
  }
}

function filesUnder(folder: string, prefix = ''): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() ? filesUnder(join(folder, entry.name), `${prefix}${entry.name}/`) : [`${prefix}${entry.name}`],
  )
}

export default defineConfig({
  root,
  base: './',
  resolve: { conditions: ['browser', 'module', 'import', 'default'] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 4000 },
  preview: { host: '127.0.0.1', port: 8080, headers: { 'Content-Security-Policy': policy } },
  plugins: [models()],
})
