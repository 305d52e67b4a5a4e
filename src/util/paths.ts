/**
 * Where things are on this machine, from whatever folder a command is run: files of the repository, npm's packages. Modules that
 * browsers need too import this one as '#paths', of which paths.browser.ts is the other half.
 */
import { existsSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UserError } from './errors.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The path of a file or folder of the repository, such as 'configs/models'; without one, the repository's own. */
export function repositoryPath(path = ''): string {
  return join(root, path)
}

/**
 * Where npm installed a package: its own `exports` need not let its files be resolved.
 * @returns undefined when it is not installed
 */
export function findPackage(name: string): string | undefined {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? []
  return folders.map(folder => join(folder, name)).find(existsSync)
}

/** As `findPackage`. @throws UserError when it is not installed */
export function packageFolder(name: string): string {
  const found = findPackage(name)
  if (!found) throw new UserError(`expected the package ${name}, found none installed: run npm install`)
  return found
}

/** Whether there is a file or folder. */
export async function fileExists(path: string): Promise<boolean> {
  return existsSync(path)
}

/** The path that a file has without links; where there is none, the absolute path. */
export function canonicalPath(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path))
}

/** A path relative to the folder of a file. */
export function pathBeside(file: string, path: string): string {
  return resolve(dirname(file), path)
}

/** What `node --import` takes for a process that reads TypeScript. */
export function typeScriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
}
