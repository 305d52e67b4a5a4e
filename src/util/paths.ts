/** Where things are on this machine, from whatever folder a command is run: files of the repository, npm's packages. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
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

/** What `node --import` takes for a process that reads TypeScript. */
export function typeScriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
}
