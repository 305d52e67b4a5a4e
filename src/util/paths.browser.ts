/** Where things are among the files that are provided to a browser. @see paths.ts */
import { isProvided } from './provided-files.ts'

export function repositoryPath(path = ''): string {
  return path
}

export function packageFolder(name: string): string {
  return `node_modules/${name}`
}

export function fileExists(path: string): Promise<boolean> {
  return isProvided(path)
}

export async function canonicalPath(path: string): Promise<string> {
  return path
}

export function pathBeside(file: string, path: string): string {
  return new URL(path, `file:///${file}`).pathname.slice(1)
}
